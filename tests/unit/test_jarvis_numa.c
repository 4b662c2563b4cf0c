/* `numa` on machines of cardboard: what the drawing says of each node, and when it says that something is out of balance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "jarvis/numa_view.h"
#include "jarvis/render.h"
#include "jarvis_world.h"

static struct node_info nodes[NODE_INFO_NODES];
static struct cpu_info cpus[VIEW_CPUS];
static struct task_info tasks[3];

/* The fake machine, to be changed. */
static int setup(void **state)
{
    (void)state;
    fake_reset();
    memcpy(nodes, fake_nodes, sizeof fake_nodes);
    memcpy(cpus, fake_cpus, sizeof fake_cpus);
    memcpy(tasks, fake_tasks, sizeof fake_tasks);
    fake.node_infos = nodes;
    fake.cpu_infos = cpus;
    fake.task_infos = tasks;
    return 0;
}

static const char *ask(const char *line)
{
    return fake_ask(line, &fake_observer, ROLE_OBSERVER);
}

static void has(const char *line, const char *part)
{
    const char *answer = ask(line);
    if (!strstr(answer, part))
        fail_msg("the answer to \"%s\" lacks \"%s\":\n%s", line, part, answer);
}

static void lacks(const char *line, const char *part)
{
    const char *answer = ask(line);
    if (strstr(answer, part))
        fail_msg("the answer to \"%s\" has \"%s\":\n%s", line, part, answer);
}

static void lines_are_short(const char *answer)
{
    char line[1024];
    for (const char *at = answer; *at; at += strcspn(at, "\n") + 1) {
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        if (text_width(line) > 100)
            fail_msg("%zu columns: %s", text_width(line), line);
        if (!strchr(at, '\n'))
            break;
    }
}

static void each_node_is_drawn_with_its_memory_cpus_and_tasks(void **state)
{
    (void)state;
    has("numa", "2 nodes, 2 CPUs, 256 MiB of memory, 224 MiB free; 99.7 % of the frames are local.\n"
                "Nothing is out of balance.\n"
                "All figures: since the start (2 min 0 s ago); ask again for how idle the CPUs are now.\n"
                "\n"
                "Node 0: CPU 0; distance 21 to node 1\n"
                "├─ Memory  [#######++...........]  64 MiB\n"
                "│          # 24 MiB used from here  + 8 MiB used from other nodes  . 32 MiB free\n"
                "├─ Local   99.8 % of the frames that its tasks got since the start (5000 here, 10 elsewhere)\n"
                "├─ CPU     Idle  Runs            Stolen near  far  Moved here  IPIs sent  Lock wait\n"
                "│    0   50.0 %  -                         1    0           4          7     1.5 ms\n"
                "└─ At home            Prio  CPU  CPU time    Memory  Only on CPUs\n"
                "   init (1)             24  0      5.0 ms   120 KiB\n"
                "   netsrv (4)           18  0     90.0 ms   800 KiB  0\n"
                "\n"
                "Node 1: CPU 1; distance 21 to node 0\n"
                "├─ Memory  [............................................................]  192 MiB\n");
    has("numa", "│    1   99.1 %  jarvis (7)");
    has("numa", "   jarvis (7)           14  1     60.0 ms   1.5 MiB\n");
    lines_are_short(ask("numa"));
    lines_are_short(ask("montre la mémoire par nœud"));
    has("montre la mémoire par nœud", "2 nœuds, 2 CPU, 256 Mio de mémoire, dont 224 Mio libres ; 99,7 %");
}

static void a_task_is_found_where_it_lives(void **state)
{
    (void)state;
    has("on which node does netsrv live?",
        "netsrv (task 4) is at home on node 0, last ran on CPU 0 and may run on CPU 0.\n");
    has("numa jarvis", "jarvis (task 7) is at home on node 1, last ran on CPU 1 and may run on all CPUs.\n");
    has("numa task 99", "There is no task \"99\"");
    has("task netsrv", "May run on CPUs  0\n");
    has("task jarvis", "Home node        1\n");
    has("numa jarvis --json",
        "{\"numa\":{\"node\":1,\"tasks\":[{\"id\":7,\"name\":\"jarvis\",\"priority\":14,\"cpu\":1,"
        "\"memory_bytes\":1638400,\"affinity\":[0,1]}]}}\n");
}

static void json_has_every_figure_by_node(void **state)
{
    (void)state;
    has("numa --json",
        "{\"numa\":{\"window_ns\":120000000000,\"notes\":[],\"nodes\":[{\"node\":0,\"total_bytes\":67108864,");
    has("numa --json",
        "\"local_allocations\":5000,\"remote_allocations\":10,\"busy_permille\":500,\"distances\":[10,21],"
        "\"cpus\":[{\"cpu\":0,\"apic_id\":0,");
    has("numa --json", "{\"node\":1,\"total_bytes\":201326592,");
    has("numa --json", "\"affinity\":[0]}]},{\"node\":1,");
}

static void a_small_nodes_bar_shows_what_is_used(void **state)
{
    (void)state;
    nodes[0].total_pages = 400;
    nodes[0].local_pages = 299;
    nodes[0].remote_pages = 1;
    nodes[0].free_pages = 100;
    has("numa", "├─ Memory  [########+...]  1.5 MiB\n");
    nodes[0].free_pages = 0;
    nodes[0].local_pages = 400;
    nodes[0].remote_pages = 0;
    has("numa", "├─ Memory  [############]  1.5 MiB\n");
}

static void a_machine_of_one_node_and_one_cpu_looks_fine(void **state)
{
    (void)state;
    fake.node_count = fake.cpu_info_count = nodes[0].node_count = 1;
    has("numa", "1 node, 1 CPU, 64 MiB of memory, 32 MiB free; 99.8 % of the frames are local.\n"
                "All memory is equally near to all CPUs.\n");
    has("numa", "\nNode 0: CPU 0\n├─ Memory  [######################+++++++...............................]  64 MiB\n");
    lacks("numa", "out of balance");
    lacks("numa", "distance");
}

static void a_node_without_memory_cpus_or_tasks_says_so(void **state)
{
    (void)state;
    nodes[1] = (struct node_info){.id = 1, .node_count = 2, .distance = {21, 10}};
    cpus[1].node = 0;
    nodes[0].cpus = 3;
    has("numa", "Node 1: no CPU; distance 21 to node 0\n"
                "├─ Memory  none of its own\n"
                "├─ Local   no task at home here got a frame yet\n"
                "└─ At home  nobody\n");
    has("mémoire par nœud", "Nœud 1 : aucun CPU");
}

static void a_task_that_last_ran_on_another_node_is_marked(void **state)
{
    (void)state;
    lacks("numa", "away");
    nodes[0].cpus = 2;
    nodes[1].cpus = 1;
    has("numa", "   jarvis (7)           14  1 away");
}

static void idle_is_told_of_lately_when_there_was_a_look(void **state)
{
    (void)state;
    numa_view_note(FAKE_TRACE);
    fake.now += 4000000000ull;
    cpus[0].idle_ns += 1000000000ull;
    cpus[1].idle_ns += 4000000000ull;
    has("numa", "Idle: in the last 4.0 s; all other figures: since the start.\n");
    has("numa", "│    0   25.0 %");
    has("numa", "│    1    100 %");
    numa_view_note(FAKE_TRACE);
    fake.now += 100000000ull; /* too short a time: the look before counts */
    has("numa", "Idle: in the last 4.1 s");
}

/* ---- what is out of balance ---- */

static void full_memory_beside_free_memory_is_noted(void **state)
{
    (void)state;
    nodes[0].free_pages = 327;
    nodes[0].local_pages = 16000;
    has("numa", "Note: Node 0's memory is nearly used up (1.9 % free) while node 1 has 100 % free.\n");
    nodes[1].free_pages = 4915; /* full everywhere is no imbalance */
    lacks("numa", "Note:");
}

static void frames_from_afar_are_noted_once_there_are_enough(void **state)
{
    (void)state;
    nodes[1].remote_allocations = 990;
    has("numa", "Note: Node 1: only 50.0 % of the frames that its tasks got are its own.\n");
    nodes[1].local_allocations = nodes[1].remote_allocations = 400;
    lacks("numa", "Note:");
    nodes[1] = (struct node_info){.id = 1, .remote_allocations = 5000, .cpus = 2, .cpu_count = 1};
    lacks("numa", "Note:"); /* without memory there are none to be had */
}

static void a_loaded_node_beside_an_idle_one_is_noted_when_tasks_wait_there(void **state)
{
    (void)state;
    cpus[0].idle_ns = fake.now / 20;
    lacks("numa", "Note:"); /* one task that always runs */
    tasks[0].state = TASK_READY;
    lacks("numa", "Note:");
    tasks[1].state = TASK_READY;
    has("numa",
        "Note: Node 0's CPUs are 95.0 % busy, 2 tasks want to run there now; those of node 1 are only 0.9 % busy.\n");
    has("montre les nœuds", "À noter : Les CPU du nœud 0 sont occupés à 95,0 %, 2 tâches");
    cpus[1].idle_ns = fake.now / 3; /* both work */
    lacks("numa", "busy");
}

static void steals_across_nodes_are_noted_when_there_are_many(void **state)
{
    (void)state;
    cpus[0].steals_near = 90;
    cpus[1].steals_far = 10;
    has("numa", "Note: 10.0 % of the tasks that a CPU took over from another (100) came from another node.\n");
    cpus[0].steals_near = 900;
    lacks("numa", "took over");
    cpus[0].steals_near = 10;
    cpus[1].steals_far = 10;
    lacks("numa", "took over"); /* twenty say nothing */
}

/* ---- machines of any size ---- */

static void the_largest_machine_fits(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NODE_INFO_NODES; i++) {
        nodes[i] = (struct node_info){.id = i,
                                      .cpu_count = 8,
                                      .node_count = NODE_INFO_NODES,
                                      .cpus = 0x0101010101010101ul << i,
                                      .total_pages = 1ul << 36,
                                      .free_pages = (1ul << 36) - 1,
                                      .local_pages = 1,
                                      .local_allocations = UINT64_MAX / 16,
                                      .remote_allocations = UINT64_MAX / 16};
        for (uint32_t k = 0; k < NODE_INFO_NODES; k++)
            nodes[i].distance[k] = (uint8_t)(k == i ? 10 : 20 + (i ^ k));
    }
    for (uint32_t i = 0; i < VIEW_CPUS; i++)
        cpus[i] = (struct cpu_info){.id = i,
                                    .node = i % 8,
                                    .task = 4,
                                    .steals_near = UINT32_MAX,
                                    .steals_far = UINT32_MAX,
                                    .migrations = UINT32_MAX,
                                    .ipis = UINT32_MAX,
                                    .lock_waited_ns = UINT64_MAX / 2};
    fake.node_count = NODE_INFO_NODES;
    fake.cpu_info_count = VIEW_CPUS;
    const char *answer = ask("numa");
    assert_non_null(strstr(answer, "8 nodes, 64 CPUs, "));
    assert_non_null(strstr(answer, "Node 7: CPUs 7,15,23,31,39,47,55,63; distance 21 to node 6, 22 to node 5, "));
    assert_non_null(strstr(answer, "│   63      0 %  netsrv (4)"));
    assert_null(strstr(answer, "did not fit"));
}

static void nodes_equally_far_are_named_together(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        nodes[i] = (struct node_info){.id = i, .cpus = 1ul << i, .distance = {20, 20, 20, 20}};
        nodes[i].distance[i] = 10;
    }
    nodes[0].distance[3] = 30;
    fake.node_count = 4;
    has("numa", "Node 0: CPU 0; distance 20 to nodes 1-2, 30 to node 3\n");
    has("numa", "Node 3: CPU 3; distance 20 to nodes 0-2\n");
    nodes[0].cpus = 0x5555555555555555ul;
    has("numa", "Node 0: 32 CPUs; distance");
    lines_are_short(ask("numa"));
}

static void a_kernel_that_does_not_tell_gets_a_plain_sentence(void **state)
{
    (void)state;
    fake.trace_status = ERR_NO_RIGHT;
    has("numa", "lacks the right");
    has("numa --json", "\"code\":\"no_right\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_node_is_drawn_with_its_memory_cpus_and_tasks, setup),
        cmocka_unit_test_setup(a_task_is_found_where_it_lives, setup),
        cmocka_unit_test_setup(json_has_every_figure_by_node, setup),
        cmocka_unit_test_setup(a_small_nodes_bar_shows_what_is_used, setup),
        cmocka_unit_test_setup(a_machine_of_one_node_and_one_cpu_looks_fine, setup),
        cmocka_unit_test_setup(a_node_without_memory_cpus_or_tasks_says_so, setup),
        cmocka_unit_test_setup(a_task_that_last_ran_on_another_node_is_marked, setup),
        cmocka_unit_test_setup(full_memory_beside_free_memory_is_noted, setup),
        cmocka_unit_test_setup(frames_from_afar_are_noted_once_there_are_enough, setup),
        cmocka_unit_test_setup(a_loaded_node_beside_an_idle_one_is_noted_when_tasks_wait_there, setup),
        cmocka_unit_test_setup(steals_across_nodes_are_noted_when_there_are_many, setup),
        cmocka_unit_test_setup(the_largest_machine_fits, setup),
        cmocka_unit_test_setup(nodes_equally_far_are_named_together, setup),
        cmocka_unit_test_setup(a_kernel_that_does_not_tell_gets_a_plain_sentence, setup),
        cmocka_unit_test_setup(idle_is_told_of_lately_when_there_was_a_look, setup), /* last: looks are kept */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

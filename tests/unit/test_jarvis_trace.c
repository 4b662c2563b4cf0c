/* The trace on Jarvis's console: what is recorded, and watching a task with a second count by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "jarvis/figures.h"
#include "jarvis_world.h"

#define NETSRV 4u
#define JARVIS 7u
#define PAIR(low, high) ((uint64_t)(uint32_t)(low) | (uint64_t)(uint32_t)(high) << 32)
#define NET_STATUS_OP 0x0302u
#define MS 1000000ull

static int setup(void **state)
{
    (void)state;
    watch_drop(HANDLE_NONE);
    fake_reset();
    return 0;
}

static const char *ask(const char *line)
{
    return fake_ask(line, &fake_operator, ROLE_OPERATOR);
}

static void has_text(const char *what, const char *answer, const char *part)
{
    if (!strstr(answer, part))
        fail_msg("%s lacks \"%s\":\n%s", what, part, answer);
}

static void has(const char *line, const char *part)
{
    has_text(line, ask(line), part);
}

/* ---- what is recorded ---- */

static void start_adds_stop_takes_away_and_filter_sets(void **state)
{
    (void)state;
    has("trace start syscall", "Recorded: sched, syscall, ipc, irq, fault, cap, task, log, user; not recorded: mem.\n");
    assert_int_equal(fake.mask, TRACE_CLASS_DEFAULT | TRACE_CLASS_SYSCALL);
    has("trace start all", "Recorded: sched, syscall, ipc, irq, fault, cap, mem, task, log, user.\nOf all tasks.\n");
    ask("stop recording system calls");
    assert_int_equal(fake.mask, TRACE_CLASS_ALL & ~TRACE_CLASS_SYSCALL);
    ask("trace filter ipc irq");
    assert_int_equal(fake.mask, TRACE_CLASS_IPC | TRACE_CLASS_IRQ);
    has("arrête la trace", "Rien n'est enregistré.");
    assert_int_equal(fake.mask, 0);
    ask("trace start");
    assert_int_equal(fake.mask, TRACE_CLASS_DEFAULT);
    has("enregistre les appels système", "Enregistré : sched, syscall");
    has("trace filter off", "pas enregistré : syscall, mem"); /* no word tells: the language of the line before */
    assert_int_equal(fake.mask, TRACE_CLASS_DEFAULT);
}

static void tasks_are_chosen_by_name_or_number_and_left_again(void **state)
{
    (void)state;
    has("trace filter netsrv 7", "Only events in which these have a part: netsrv (4), jarvis (7).\n");
    assert_int_equal(fake.only_count, 2);
    assert_int_equal(fake.only[0], NETSRV);
    assert_int_equal(fake.only[1], JARVIS);
    assert_int_equal(fake.mask, TRACE_CLASS_DEFAULT);
    has("trace filter", "netsrv (4), jarvis (7)");
    has("trace stats", "netsrv (4), jarvis (7)");
    has("trace filter jarvis ipc --json",
        "{\"trace_filter\":{\"classes\":\"ipc\",\"classes_off\":\"sched, syscall, irq, "
        "fault, cap, mem, task, log, user\",\"only_tasks\":\"jarvis (7)\"}}");
    ask("trace filter off");
    assert_int_equal(fake.only_count, 0);
    has("filtre la trace sur netsrv", "Seuls les événements où ceux-ci ont part : netsrv (4).");
}

static void what_is_wrong_is_said_with_what_would_be_right(void **state)
{
    (void)state;
    has("trace filter frobnicate", "\"frobnicate\" is neither a task nor a class of events.\n"
                                   "Tasks: init (1), netsrv (4), jarvis (7).\nClasses: sched, syscall, ipc, irq, ");
    has("trace filter 99", "\"99\" is neither a task");
    has("trace start off", "`trace stop`");
    has("trace netsrv for 61 seconds", "1 to 60 seconds, not for 61");
    has("trace netsrv for 0 seconds", "not for 0");
    has("watch netsrv and jarvis for 5 seconds", "atch");
    assert_int_equal(fake.controls, 0);
    watch_drop(HANDLE_NONE);
    has_text("observer", fake_ask("trace start all", &fake_observer, ROLE_OBSERVER), "CONTROL on trace");
    has_text("observer", fake_ask("trace stop", &fake_observer, ROLE_OBSERVER), "login TOKEN");
    has_text("observer", fake_ask("trace netsrv for 5 s", &fake_observer, ROLE_OBSERVER), "CONTROL on trace");
    fake.mask = TRACE_CLASS_IPC;
    has_text("observer", fake_ask("watch for 5 seconds", &fake_observer, ROLE_OBSERVER),
             "(missing: sched, irq, fault, task, user)");
    fake.trace_status = ERR_NO_RIGHT;
    has("trace filter", "lacks the right");
    assert_int_equal(fake.controls, 0);
    assert_int_equal(watch_session(), 0);
}

/* ---- watching ---- */

static enum watch_news news;

static const char *turn(uint64_t ns)
{
    fake.now += ns;
    return fake_watch_turn(&fake_operator, &news);
}

static void call_event(uint32_t cpu, uint32_t caller, uint32_t op)
{
    fake_event(cpu, TRACE_IpcCall, 2, PAIR(caller, 3), PAIR(op, 0));
}

static void reply_event(uint32_t cpu, uint32_t server, uint32_t caller, int32_t status)
{
    fake_event(cpu, TRACE_IpcReply, 2, PAIR(server, caller), PAIR(NET_STATUS_OP, status));
}

/* Ten calls of 1 ms and one of 40 ms on the other CPU, which the first packet shows after its answer. */
static void netsrv_works(void)
{
    for (unsigned i = 0; i < 10; i++) {
        call_event(0, JARVIS, NET_STATUS_OP);
        fake.now += MS;
        reply_event(0, NETSRV, JARVIS, i == 3 ? ERR_NO_RIGHT : OK);
    }
    call_event(1, 1, 0x9901);
    fake.now += 40 * MS;
    reply_event(0, NETSRV, 1, OK);
    fake_event(0, TRACE_ContextSwitch, 2, PAIR(JARVIS, NETSRV), 0);
    fake_event(1, TRACE_NetPacketIn, 2, PAIR(NETSRV, 3000), PAIR(0x08000106, 0));
    fake_event(1, TRACE_NetPacketOut, 2, PAIR(NETSRV, 54), PAIR(0x08000006, 0));
    fake_event(1, TRACE_NetPacketOut, 2, PAIR(JARVIS, 54), PAIR(0x08000006, 0)); /* another's */
    fake_event(1, TRACE_TcpState, 2, PAIR(NETSRV, TRACE_TCP_ESTABLISHED), PAIR(2323, 40000));
    fake_event(1, TRACE_TcpState, 2, PAIR(NETSRV, TRACE_TCP_CLOSED), PAIR(7, 0)); /* a listening port */
    fake_event(0, TRACE_PageFault, 2, 0x1000, PAIR(JARVIS, 4));
}

static void a_watch_tells_what_the_task_did_and_puts_the_filter_back(void **state)
{
    (void)state;
    fake.mask = TRACE_CLASS_IPC;
    fake_event(0, TRACE_NetPacketIn, 2, PAIR(NETSRV, 999), 0); /* before: does not count */
    ask("trace the network server for 5 seconds and tell me what it did");
    assert_true(fake_dialogue.goes_on);
    assert_int_equal(watch_session(), 5);
    assert_int_equal(fake.controls, 0);
    has_text("the first line", turn(0), "Watching netsrv (4) for 5 s");
    assert_int_equal(news, WATCH_PROGRESS);
    assert_true(fake_kept);
    assert_int_equal(fake.only_count, 1);
    assert_int_equal(fake.only[0], NETSRV);
    assert_true(fake.mask & TRACE_CLASS_SCHED);
    has("status", "Uptime"); /* others go on */
    has("trace start all", "Session 5 is watching");
    has("trace netsrv for 2 seconds", "Session 5 is watching");
    netsrv_works();
    turn(30 * MS);
    has_text("progress", turn(1000 * MS), "  1 of 5 s, 29 events, 0 lost");
    const char *summary = turn(4000 * MS);
    assert_int_equal(news, WATCH_OVER);
    assert_false(fake_kept);
    assert_int_equal(fake.only_count, 0);
    assert_int_equal(fake.mask, TRACE_CLASS_IPC);
    has_text("summary", summary, "In 5.0 s netsrv (4) ran 1 times, for ");
    has_text("summary", summary, "It was called 11 times:\n");
    has_text("summary", summary, "jarvis (7)  netsrv (4)  NET_STATUS     10        1  ");
    has_text("summary", summary, "init (1)    netsrv (4)  0x9901          1        0  ");
    has_text("summary", summary, "It called nobody.");
    has_text("summary", summary, "Packets in: 2 (2.9 KiB), out: 1 (54 ");
    has_text("summary", summary, "TCP connections opened: 1, closed: 0; segments sent again: 0.");
    has_text("summary", summary, "No faults.");
    has_text("summary", summary, "none was lost");
    assert_int_equal(watch_session(), 0);
    assert_false(fake_dialogue.goes_on);
}

static void a_watch_answers_in_french_and_in_json(void **state)
{
    (void)state;
    ask("trace netsrv pendant 2 secondes et dis-moi ce qu'il a fait");
    has_text("the first line", turn(0), "J'observe netsrv (4) pendant 2 s");
    netsrv_works();
    turn(30 * MS);
    has_text("summary", turn(2000 * MS), "Il a été appelé 11 fois :");
    ask("trace netsrv for 2 seconds --json");
    turn(0);
    netsrv_works();
    turn(30 * MS);
    const char *summary = turn(2000 * MS);
    has_text("summary", summary, "{\"trace_summary\":{\"task\":4,\"name\":\"netsrv\",\"duration_ns\":2000000000,");
    has_text("summary", summary, "\"packets_in\":2,\"bytes_in\":3000,\"packets_out\":1,\"bytes_out\":54,");
    has_text("summary", summary, "\"operation\":\"NET_STATUS\",\"count\":10,\"failed\":1,\"p50_ns\":");
    assert_string_equal(summary + strlen(summary) - 4, "]}}\n");
}

static void the_rest_of_the_line_waits_for_the_watch(void **state)
{
    (void)state;
    ask("trace netsrv for 1 second and tell me what it did, then memory");
    turn(0);
    turn(20 * MS);
    const char *rest = turn(1000 * MS);
    assert_int_equal(news, WATCH_OVER);
    has_text("the rest", rest, "none was lost.\n\n");
    has_text("the rest", rest, "204 MiB of 256 MiB are free");
}

static void a_watch_ends_early_and_leaves_nothing_when_dropped(void **state)
{
    (void)state;
    ask("trace netsrv for 60 seconds");
    turn(0);
    turn(2000 * MS);
    watch_stop();
    const char *summary = turn(0);
    assert_int_equal(news, WATCH_OVER);
    has_text("summary", summary, "In 2.0 s netsrv");
    assert_int_equal(fake.only_count, 0);
    ask("trace netsrv for 60 seconds");
    turn(0);
    assert_int_equal(fake.only_count, 1);
    watch_drop(FAKE_TRACE);
    assert_int_equal(fake.only_count, 0);
    assert_int_equal(fake.mask, TRACE_CLASS_DEFAULT);
    assert_int_equal(watch_session(), 0);
}

static void an_observer_watches_without_touching_the_filter(void **state)
{
    (void)state;
    fake_ask("watch for 2 seconds", &fake_observer, ROLE_OBSERVER);
    assert_true(fake_dialogue.goes_on);
    turn(0);
    netsrv_works();
    turn(30 * MS);
    const char *summary = turn(2000 * MS);
    assert_int_equal(news, WATCH_OVER);
    assert_int_equal(fake.controls, 0);
    has_text("summary", summary, "switches between tasks. The busiest:\n");
    has_text("summary", summary, "Calls: 11\n");
    has_text("summary", summary, "Faults: 1 page faults.");
}

static void events_that_the_ring_lost_are_counted_and_told(void **state)
{
    (void)state;
    ask("trace netsrv for 2 seconds");
    turn(0);
    fake_event(0, TRACE_TimerTick, 1, 7, 0);
    fake.next_number = 1;
    turn(30 * MS);
    fake.sequence = 9; /* the ring went round: packets 1 to 8 are overwritten */
    fake.before[0] = 101;
    fake.before[1] = 1;
    fake.next_number = 104;
    turn(30 * MS);
    const char *summary = turn(2000 * MS);
    assert_int_equal(news, WATCH_OVER);
    has_text("summary", summary, "lost: 100, so the counts above are too small.");
}

static void percentiles_are_at_most_seven_per_cent_off(void **state)
{
    (void)state;
    static struct figures figures;
    figures_init(&figures, 0);
    for (unsigned i = 1; i <= 1000; i++) {
        struct trace_record call = {.event = TRACE_IpcCall, .payload = {PAIR(1, 3), PAIR(NET_STATUS_OP, 0)}};
        struct trace_record reply = {.event = TRACE_IpcReply, .timestamp_ns = i * 1000, .payload = {PAIR(4, 1), 0}};
        figures_add(&figures, &call);
        figures_add(&figures, &reply);
    }
    assert_int_equal(figures.row_count, 1);
    assert_int_equal(figures.rows[0].count, 1000);
    assert_in_range(figures_percentile(&figures.rows[0], 500), 465000, 535000);
    assert_in_range(figures_percentile(&figures.rows[0], 990), 920000, 1060000);
    assert_in_range(figures_percentile(&figures.rows[0], 1), 930, 1070);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(start_adds_stop_takes_away_and_filter_sets, setup),
        cmocka_unit_test_setup(tasks_are_chosen_by_name_or_number_and_left_again, setup),
        cmocka_unit_test_setup(what_is_wrong_is_said_with_what_would_be_right, setup),
        cmocka_unit_test_setup(a_watch_tells_what_the_task_did_and_puts_the_filter_back, setup),
        cmocka_unit_test_setup(a_watch_answers_in_french_and_in_json, setup),
        cmocka_unit_test_setup(the_rest_of_the_line_waits_for_the_watch, setup),
        cmocka_unit_test_setup(a_watch_ends_early_and_leaves_nothing_when_dropped, setup),
        cmocka_unit_test_setup(an_observer_watches_without_touching_the_filter, setup),
        cmocka_unit_test_setup(events_that_the_ring_lost_are_counted_and_told, setup),
        cmocka_unit_test_setup(percentiles_are_at_most_seven_per_cent_off, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

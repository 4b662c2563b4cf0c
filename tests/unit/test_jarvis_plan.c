/* Jarvis's planner and executor on a machine of cardboard: every tool, every refusal, every service that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "jarvis_world.h"

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void has(const char *line, const char *part)
{
    const char *answer = fake_ask(line, &fake_observer, ROLE_OBSERVER);
    if (!strstr(answer, part))
        fail_msg("the answer to \"%s\" lacks \"%s\":\n%s", line, part, answer);
}

static void lacks(const char *line, const char *part)
{
    const char *answer = fake_ask(line, &fake_observer, ROLE_OBSERVER);
    if (strstr(answer, part))
        fail_msg("the answer to \"%s\" has \"%s\":\n%s", line, part, answer);
}

static void every_reading_tool_answers_an_observer(void **state)
{
    (void)state;
    has("status", "Uptime");
    has("status", "2 of 2");
    has("memory", "204 MiB of 256 MiB are free");
    has("how much memory is used?", "52 MiB of 256 MiB are in use");
    has("tasks", "netsrv");
    has("task 4", "Memory quota");
    has("top", "netsrv has used the most CPU");
    has("top 1 by memory", "jarvis uses the most memory");
    has("services", "Restarts");
    has("is netsrv running?", "netsrv is running");
    has("devices", "virtio network card");
    has("network", "10.0.2.15/24");
    has("what is your gateway?", "The gateway is 10.0.2.2");
    has("connections", "10.0.2.2:40000");
    has("is port 22 open?", "Port 22 is not open");
    has("caps netsrv", "irq");
    has("caps", "observe");
    has("caps tree", "7 capabilities in");
    has("trace dump 3", "[       102][CPU0] ContextSwitch payload=0x20\n");
    has("trace stats", "1000");
    has("pools", "1234");
    has("log", "link error");
    has("help", "status");
    has("help memory", "OBSERVE");
    has("whoami", "observer");
    has("uptime", "2 min 0 s");
}

static void the_crash_record_is_shown_and_only_an_operator_clears_it(void **state)
{
    (void)state;
    has("crash", "There is no crash record");
    has("crash --json", "{\"crash\":{\"found\":false}}");
    fake.crash = true;
    has("crash", "The last run ended in a panic: a ?test\nTRustOs 9.8 had been up for 3.0 s");
    has("crash", "\n=== KERNEL PANIC: a test ===\n=== SYSTEM HALTED ===\n");
    has("montre le rapport de plantage", "a fini en panique");
    has("crash --json", "\"text\":[\"=== KERNEL PANIC: a test ===\",\"=== SYSTEM HALTED ===\"]}}");
    has("crash clear", "CONTROL");
    assert_true(fake.crash);
    const char *answer = fake_ask("crash clear", &fake_operator, ROLE_OPERATOR);
    assert_non_null(strstr(answer, "The crash record is gone."));
    assert_false(fake.crash);
    answer = fake_ask("efface le rapport de plantage", &fake_operator, ROLE_OPERATOR);
    assert_non_null(strstr(answer, "Il n'y a pas de rapport"));
    fake.trace_status = ERR_NO_RIGHT;
    has("why did the machine crash?", "lacks the right");
}

static void answers_are_in_the_language_of_the_question(void **state)
{
    (void)state;
    has("combien de mémoire est libre ?", "204 Mio sur 256 Mio sont libres");
    has("quelle est ton adresse ip ?", "Mon adresse est 10.0.2.15/24");
    has("top", "a utilisé le plus"); /* no word tells: the language of the line before */
    has("what is running?", "3 tasks exist");
}

static void an_observer_can_change_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {"restart netsrv",
                                        "please restart netsrv now",
                                        "redémarre netsrv",
                                        "stop netsrv",
                                        "kill netsrv",
                                        "start netsrv",
                                        "arrête jarvis",
                                        "service_restart netsrv",
                                        "restart netsrv and jarvis",
                                        "status and then restart netsrv",
                                        "memory, if that fails restart netsrv",
                                        "plan restart netsrv",
                                        "parse restart netsrv",
                                        "caps revoke 6",
                                        "yes",
                                        "révoque la capacité 6",
                                        "oui",
                                        "RESTART NETSRV --json"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        fake_ask(lines[i], &fake_observer, ROLE_OBSERVER);
    assert_int_equal(fake.restarts + fake.stops + fake.starts + fake.revokes + fake.asks, 0);
    has("restart netsrv", "ADMIN on init");
    has("restart netsrv", "login TOKEN");
}

static void an_operator_can_and_nothing_is_guessed(void **state)
{
    (void)state;
    fake_ask("restart netsrv", &fake_operator, ROLE_OPERATOR);
    assert_int_equal(fake.restarts, 1);
    assert_string_equal(fake.last_name, "netsrv");
    fake_ask("stop netsrv and jarvis", &fake_operator, ROLE_OPERATOR);
    assert_int_equal(fake.stops, 2);
    fake_ask("restart", &fake_operator, ROLE_OPERATOR);
    fake_ask("never restart netsrv", &fake_operator, ROLE_OPERATOR);
    fake_ask("plan restart netsrv", &fake_operator, ROLE_OPERATOR);
    fake_ask("restart nosuchservice", &fake_operator, ROLE_OPERATOR);
    assert_int_equal(fake.restarts, 1);
}

static void only_the_sessions_capabilities_are_used(void **state)
{
    (void)state;
    const struct authority none = {{HANDLE_NONE}, {0}};
    fake_ask("services", &fake_observer, ROLE_OBSERVER);
    assert_int_equal(fake.last_cap, FAKE_INIT);
    fake_ask("network", &none, ROLE_OBSERVER);
    assert_int_equal(fake.last_cap, HANDLE_NONE);
    assert_int_equal(fake_action, CONSOLE_REFRESH);
}

static void failing_services_become_plain_sentences(void **state)
{
    (void)state;
    fake.netsrv_status = ERR_PEER_DIED;
    has("network", "The network service is restarting; try again in a moment.");
    assert_int_equal(fake_action, CONSOLE_REFRESH);
    has("réseau", "redémarre ; réessayez");
    has("network --json", "{\"error\":{\"code\":\"restarting\"");
    fake.netsrv_status = ERR_TIMED_OUT;
    has("connections", "did not answer within 2 seconds");
    fake.devmgr_status = ERR_PEER_DIED;
    has("devices", "device manager is restarting");
    fake.trace_status = ERR_NO_RIGHT;
    has("memory", "lacks the right");
    fake.trace_status = OK;
    fake.init_status = ERR_TIMED_OUT;
    has("status", "init does not say"); /* the rest is still told */
}

static void conditions_decide_what_runs(void **state)
{
    (void)state;
    has("network and if that fails memory", "10.0.2.15");
    lacks("network and if that fails memory", "MiB of");
    fake.netsrv_status = ERR_PEER_DIED;
    has("network and if that fails memory", "MiB of");
}

static void open_requests_ask_and_take_the_answer(void **state)
{
    (void)state;
    const char *answer = fake_ask("restart", &fake_operator, ROLE_OPERATOR);
    assert_non_null(strstr(answer, "1. restart a service"));
    answer = fake_ask("1", &fake_operator, ROLE_OPERATOR);
    assert_non_null(strstr(answer, "Which service?"));
    fake_ask("netsrv", &fake_operator, ROLE_OPERATOR);
    assert_int_equal(fake.restarts, 1);
    fake_ask("netsrv", &fake_operator, ROLE_OPERATOR); /* the question is answered: now it is a question again */
    assert_int_equal(fake.restarts, 1);
}

static void unknown_things_are_said_to_be_unknown(void **state)
{
    (void)state;
    has("make me a sandwich", "do not know");
    has("what is the capital of france", "do not know");
    has("ping 10.0.2.2", "this version cannot do it yet");
    has("caps nosuch12", "nosuch12");
    has("task 99", "99");
    has("xyzzy memory plugh frobnicate quux", "memory"); /* the nearest thing is offered */
}

static void escapes_in_the_log_are_neutralised_and_it_is_searched(void **state)
{
    (void)state;
    lacks("log", "\x1b");
    has("log", "?[31mred");
    has("errors in the log", "link error");
    lacks("errors in the log", "started");
    has("log of netsrv", "link error");
    lacks("log of netsrv", "kernel:");
    lacks("log of the last 15 seconds", "link error");
}

/* ---- capabilities ---- */

static void operator_has(const char *line, const char *part)
{
    const char *answer = fake_ask(line, &fake_operator, ROLE_OPERATOR);
    if (!strstr(answer, part))
        fail_msg("the answer to \"%s\" lacks \"%s\":\n%s", line, part, answer);
}

static void a_token_is_shown_with_type_rights_badge_owner_and_id(void **state)
{
    (void)state;
    has("caps netsrv", "Id  Type     Rights          Badge  Owner  From  Children  Handle  Object\n");
    has("caps netsrv", " 6  channel  send mint READ      7      4     1         2       2       3\n");
    has("caps jarvis", "send READ 0x100");
    has("caps jarvis", "0x80000005");
    has("caps netsrv", "send = send messages");
    has("capacités de netsrv", "send = envoyer des messages");
    lacks("caps netsrv", "switch off"); /* the legend explains what is shown and no more */
    has("caps netsrv --json", "{\"id\":6,\"type\":\"channel\",\"rights\":\"send mint READ\",\"badge\":7,\"owner\":4,");
}

static void the_tree_is_drawn_below_a_capability_and_the_path_above_it(void **state)
{
    (void)state;
    has("caps tree 6", "Capability 6, channel, is held by netsrv (4); derived from it: 2.\n"
                       "It comes from: 1 channel of init (1) -> 6\n"
                       "Capability     Rights                Badge  Owner\n"
                       "6 channel      send mint READ            7  netsrv (4)\n"
                       "├── 7 channel  send READ 0x100  0x80000005  jarvis (7)\n"
                       "└── 8 channel  send                      0  netsrv (4)\n");
    has("caps tree 9", "4 (in a message, or closed) -> 9");
    has("caps tree 4", "4 (in a message, or closed)");
    has("montre l'arbre de la capacité 9", "4 (dans un message, ou fermée) -> 9");
    has("caps tree 5", "It is a root");
    has("caps tree", "7 capabilities in 4 trees");
    has("caps tree of jarvis", "jarvis holds something of 2 trees");
    has("caps tree 6 --json", "\"size\":3,\"path\":[1],\"caps\":[{\"id\":6,\"parent\":1,");
}

static void a_wrong_number_gets_the_nearest_thing_that_works(void **state)
{
    (void)state;
    has("caps tree 99", "There is no capability 99 (it ended, or never was). The nearest number is 9: memory");
    has("caps tree nonsense12", "There is no task and no capability \"nonsense12\"");
    has("caps 99", "There is no task \"99\"");
    has("caps 99", "`caps tree 99`");
    operator_has("caps revoke 99", "There is no capability 99");
    operator_has("caps revoke 4", "Nobody holds capability 4 now");
    operator_has("revoke capability 6 of jarvis", "is not held by jarvis but by netsrv (4)");
    operator_has("caps revoke 1", "init itself holds capability 1");
    operator_has("yes", "No question of mine");
    operator_has("revoke", "Which capability?");
    operator_has("6", "This ends capability 6"); /* the number answers the question */
    assert_int_equal(fake.revokes, 0);
}

static void what_destroys_waits_for_a_yes(void **state)
{
    (void)state;
    operator_has("caps revoke 6", "This ends capability 6 (channel: send mint READ) of netsrv (4) and what was derived "
                                  "from it. Capabilities that end: 3 (netsrv 2, jarvis 1).\n");
    assert_int_equal(fake.revokes, 0);
    operator_has("no", "Nothing was done.");
    operator_has("yes", "No question of mine waits");
    operator_has("caps revoke 6", "Do it? Answer `yes` or `no`.");
    operator_has("status", "Uptime"); /* any other line lets the question go */
    operator_has("yes", "No question of mine waits");
    assert_int_equal(fake.revokes, 0);
    operator_has("caps revoke 6", "Do it?");
    operator_has("Yes.", "Capability 6 is revoked. Ended: 3; nobody holds any of them now.\n");
    assert_int_equal(fake.revokes, 1);
    assert_int_equal(fake.revoked, 6);
    operator_has("yes", "No question of mine waits");
    operator_has("caps tree 6", "There is no capability 6");
    assert_int_equal(fake.revokes, 1);
}

static void a_yes_is_for_one_thing_and_for_who_may(void **state)
{
    (void)state;
    operator_has("revoke 6 and then revoke 8", "One thing that destroys at a time");
    operator_has("non", "Nothing was done.");
    operator_has("révoque la capacité 6", "Le faire ? Répondez `oui` ou `non`.");
    has("oui", "Pas autorisé"); /* logged out meanwhile */
    operator_has("oui", "n'attend");
    operator_has("plan revoke 6", "destroys");
    operator_has("yes", "No question");
    assert_int_equal(fake.revokes, 0);
    operator_has("révoque la capacité 6", "Ceci finit la capacité 6");
    operator_has("oui", "La capacité 6 est révoquée. Finies : 3");
    assert_int_equal(fake.revokes, 1);
}

static void a_revoke_that_fails_or_restarts_a_service_says_so(void **state)
{
    (void)state;
    operator_has("caps revoke 5", "netsrv cannot live without it and starts anew at once");
    operator_has("yes", "Capability 5 is being taken back; its service starts anew: `log` tells.");
    fake_reset();
    fake.revoke_status = ERR_NOT_FOUND;
    operator_has("caps revoke 6", "Do it?");
    operator_has("yes", "Capability 6 ended or went to another task meanwhile");
    fake.revoke_status = ERR_BUSY;
    operator_has("caps revoke 6", "Do it?");
    operator_has("yes", "Another capability is being revoked");
    operator_has("caps revoke 6 --json",
                 "{\"confirm\":{\"tool\":\"cap_revoke\",\"capability\":6,\"owner\":4,\"ends\":3,");
    fake.revoke_status = OK;
    operator_has("yes", "{\"cap_revoke\":{\"capability\":6,\"ended\":3,\"still_there\":0,\"restarts\":false}}");
}

/* JSON's grammar, enough to see that a document is whole. */
static const char *json_skip(const char *t)
{
    if (*t == '"') {
        for (t++; *t && *t != '"'; t++)
            t += *t == '\\' && t[1];
        return *t ? t + 1 : NULL;
    }
    if (*t == '{' || *t == '[') {
        char close = *t == '{' ? '}' : ']';
        bool object = *t++ == '{';
        if (*t == close)
            return t + 1;
        for (;;) {
            if (object && (!(t = json_skip(t)) || *t++ != ':'))
                return NULL;
            if (!(t = json_skip(t)) || (*t != ',' && *t != close))
                return NULL;
            if (*t++ == close)
                return t;
        }
    }
    size_t n = strcspn(t, ",]}\n");
    return n ? t + n : NULL;
}

static void every_tool_gives_one_json_document(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "status",      "memory",       "tasks",        "task 4",         "top",          "services",
        "devices",     "network",      "connections",  "caps netsrv",    "caps",         "caps tree",
        "caps tree 6", "caps tree 99", "trace dump 3", "trace stats",    "pools",        "log",
        "whoami",      "help memory",  "numa",         "numa netsrv",    "numa task 99", "help",
        "time",        "crash",        "task 99",      "restart netsrv", "sandwich",     "restart"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s --json", lines[i]);
        const char *answer = fake_ask(line, &fake_observer, ROLE_OBSERVER), *end = json_skip(answer);
        if (!end || strcmp(end, "\n") != 0)
            fail_msg("%s: not one JSON document: %s", line, answer);
    }
    has("sandwich --json", "{\"error\":{\"code\":\"unknown\"");
    has("restart --json", "{\"error\":{\"code\":\"clarify\"");
    has("restart netsrv --json", "does not hold.\\n`login");
    has("caps --json", "{\"for\":\"netsrv\"");
    has("mes droits --json", "{\"for\":\"trace\"");
    has("network --json", "\"configured\":\"dhcp\"");
}

static void help_knows_the_word_that_the_list_shows(void **state)
{
    (void)state;
    has("help restart", "Tool             service_restart");
    has("help log of netsrv", "Tool             service_log");
    has("aide arrêter", "service_stop");
    has("help frobnicate", "I have no help on \"frobnicate\"; here is what there is.\n");
    lacks("help", "no help on");
    lacks("help me", "no help on");
    has("aide sur le frobnicateur", "pas d'aide sur « frobnicateur »");
}

static void quitting_in_any_words_ends_the_session(void **state)
{
    (void)state;
    has("quit now", "Goodbye.");
    assert_int_equal(fake_action, CONSOLE_CLOSE);
    lacks("logout please", "Goodbye");
    assert_int_equal(fake_action, CONSOLE_LOGOUT);
    has("je veux quitter", "Au revoir.");
    assert_int_equal(fake_action, CONSOLE_CLOSE);
}

/* Whoever orders its own end says so first: the order goes to init when the answer is out. */
static void jarvis_answers_before_it_restarts_itself(void **state)
{
    (void)state;
    const char *answer = fake_ask("restart jarvis", &fake_operator, ROLE_OPERATOR);
    assert_non_null(strstr(answer, "jarvis restarts now; this session goes on."));
    assert_int_equal(fake.restarts, 0);
    execute_after(&fake_dialogue, &fake_operator);
    assert_int_equal(fake.restarts, 1);
    assert_string_equal(fake.last_name, "jarvis");
    execute_after(&fake_dialogue, &fake_operator);
    assert_int_equal(fake.restarts, 1); /* once */
    fake_ask("restart jarvis", &fake_observer, ROLE_OBSERVER);
    execute_after(&fake_dialogue, &fake_observer);
    assert_int_equal(fake.restarts, 1);
}

static void an_unknown_service_is_named(void **state)
{
    (void)state;
    const char *answer = fake_ask("stop foo", &fake_operator, ROLE_OPERATOR);
    assert_non_null(strstr(answer, "There is no service \"foo\"; `services` lists them all."));
    fake_ask("restart the network service", &fake_operator, ROLE_OPERATOR);
    assert_int_equal(fake.restarts, 1);
    assert_string_equal(fake.last_name, "netsrv");
}

static void small_words_are_right(void **state)
{
    (void)state;
    has("log 0", "0 lines");
    has("memory of netsrv", "netsrv uses 800 KiB of its 2.5 MiB");
    has("devices", "disk controller: none");
}

static void plan_and_parse_show_and_do_nothing(void **state)
{
    (void)state;
    has("plan restart netsrv then status", "refused: needs ADMIN on init");
    has("plan restart netsrv then status", "2  status");
    assert_string_equal(
        fake_ask("parse ping 10.0.2.2 3 times", &fake_observer, ROLE_OBSERVER),
        "{\"clauses\":[{\"intent\":\"ping\",\"slots\":{\"host\":\"10.0.2.2\",\"count\":3},\"link\":null,"
        "\"cond\":null}]}\n");
    has("parse memory and if that fails tasks", "\"link\":\"then\",\"cond\":\"if_fail\"");
}

static void any_line_has_an_answer(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (unsigned round = 0; round < 3000; round++) {
        static const char *const words[] = {"status", "memory", "caps", "%s",  "netsrv",  "the",
                                            "7",      "if",     "then", "log", "restart", "é"};
        char line[200] = "";
        for (unsigned i = 0; i < round % 12 + 1; i++) {
            strcat(line, words[(seed = seed * 1103515245 + 12345) / 65536 % 12]);
            strcat(line, " ");
        }
        assert_true(strlen(fake_ask(line, &fake_observer, ROLE_OBSERVER)) > 3);
    }
    assert_int_equal(fake.restarts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_reading_tool_answers_an_observer, setup),
        cmocka_unit_test_setup(the_crash_record_is_shown_and_only_an_operator_clears_it, setup),
        cmocka_unit_test_setup(answers_are_in_the_language_of_the_question, setup),
        cmocka_unit_test_setup(an_observer_can_change_nothing, setup),
        cmocka_unit_test_setup(an_operator_can_and_nothing_is_guessed, setup),
        cmocka_unit_test_setup(only_the_sessions_capabilities_are_used, setup),
        cmocka_unit_test_setup(failing_services_become_plain_sentences, setup),
        cmocka_unit_test_setup(conditions_decide_what_runs, setup),
        cmocka_unit_test_setup(open_requests_ask_and_take_the_answer, setup),
        cmocka_unit_test_setup(unknown_things_are_said_to_be_unknown, setup),
        cmocka_unit_test_setup(escapes_in_the_log_are_neutralised_and_it_is_searched, setup),
        cmocka_unit_test_setup(every_tool_gives_one_json_document, setup),
        cmocka_unit_test_setup(plan_and_parse_show_and_do_nothing, setup),
        cmocka_unit_test_setup(help_knows_the_word_that_the_list_shows, setup),
        cmocka_unit_test_setup(quitting_in_any_words_ends_the_session, setup),
        cmocka_unit_test_setup(jarvis_answers_before_it_restarts_itself, setup),
        cmocka_unit_test_setup(an_unknown_service_is_named, setup),
        cmocka_unit_test_setup(small_words_are_right, setup),
        cmocka_unit_test_setup(any_line_has_an_answer, setup),
        cmocka_unit_test_setup(a_token_is_shown_with_type_rights_badge_owner_and_id, setup),
        cmocka_unit_test_setup(the_tree_is_drawn_below_a_capability_and_the_path_above_it, setup),
        cmocka_unit_test_setup(a_wrong_number_gets_the_nearest_thing_that_works, setup),
        cmocka_unit_test_setup(what_destroys_waits_for_a_yes, setup),
        cmocka_unit_test_setup(a_yes_is_for_one_thing_and_for_who_may, setup),
        cmocka_unit_test_setup(a_revoke_that_fails_or_restarts_a_service_says_so, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

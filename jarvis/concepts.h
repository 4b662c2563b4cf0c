/* Concepts: what words mean, whatever the language. The lexicons map words to them, the grammar's rules are written
 * in them. X(NAME, class)
 *
 * The class says what it costs a reading of a sentence to leave the word unexplained:
 *   FUNCTION 0 (the, of, please)   QUESTION 0 (what, how many)   VIEW 0 (show, list)
 *   TRAIT 1 (free, busiest)        DATA 1 (a number, an address, a service's name)
 *   THING 3 (memory, port)         ACT 6 (restart, delete): no reading may overlook an act */
#pragma once
#include <abi/types.h>

/* clang-format off */
#define CONCEPTS(X)                                                                                                             \
    X(NONE, FUNCTION)                                                                                                           \
    X(GREETING, FUNCTION) X(NEGATION, FUNCTION) X(SELF, FUNCTION) X(YOU, FUNCTION) X(AND, FUNCTION) X(THEN, FUNCTION)           \
        X(IF_FAIL, FUNCTION) X(IF_OK, FUNCTION) X(COMMA, FUNCTION) X(SENTENCE_END, FUNCTION) X(HERE, FUNCTION) X(               \
            PLACE_FROM, FUNCTION) X(WHAT, QUESTION) X(WHICH, QUESTION) X(WHO, QUESTION) X(WHERE, QUESTION)                      \
            X(WHEN, QUESTION) X(WHY, QUESTION) X(HOW, QUESTION) X(HOWMUCH, QUESTION) X(HOWMANY, QUESTION) X(                    \
                HOWLONG, QUESTION) X(HOWOFTEN, QUESTION) X(SHOW, VIEW) X(DO, VIEW) X(CAN, VIEW) X(HAVE, VIEW)                   \
                X(BE, VIEW) X(FREE, TRAIT) X(USED, TRAIT) X(TOTAL, TRAIT) X(MOST, TRAIT) X(BUSY, TRAIT) X(                      \
                    LAST,                                                                                                       \
                    TRAIT) X(ALL, TRAIT)                                                                                        \
                    X(RUNNING, TRAIT) X(OKAY, TRAIT) X(ALIVE, TRAIT) X(CONNECTED, TRAIT) X(LISTENING, TRAIT) X(                 \
                        LOST,                                                                                                   \
                        TRAIT) X(LEFT,                                                                                          \
                                 TRAIT) X(CONSUME, TRAIT)                                                                       \
                        X(HAPPEN, TRAIT) X(DETAIL, TRAIT) X(SORT, TRAIT) X(ALLOWED, TRAIT) X(UP, TRAIT) X(PER, TRAIT) X(        \
                            OPENED,                                                                                             \
                            TRAIT) X(CRASHED,                                                                                   \
                                     TRAIT) X(RECORDED, TRAIT)                                                                  \
                            X(ONLINE, TRAIT) X(FOUND, TRAIT) X(RESTARTED, TRAIT) X(EVERY, TRAIT) X(NUMBER, DATA) X(             \
                                ADDRESS_VALUE, DATA) X(HOST_VALUE,                                                              \
                                                       DATA) X(PATH, DATA)                                                      \
                                X(URL, DATA) X(QUOTED, DATA) X(DURATION, DATA) X(CLOCK_VALUE, DATA) X(SERVICE_NAME, DATA) X(    \
                                    PORT_NAME, DATA) X(TIME_UNIT, DATA)                                                         \
                                    X(JSON, DATA) X(TOOL_NAME, DATA) X(TASK_ID, DATA) X(PORT_ID, DATA) X(                       \
                                        MEMORY,                                                                                 \
                                        THING) X(TASK, THING)                                                                   \
                                        X(SERVICE, THING) X(DEVICE, THING) X(NETWORK, THING) X(IP, THING) X(                    \
                                            ADDRESS,                                                                            \
                                            THING) X(GATEWAY,                                                                   \
                                                     THING) X(NETMASK, THING)                                                   \
                                            X(MAC, THING) X(LINK, THING) X(DNS, THING) X(HOSTNAME, THING) X(                    \
                                                NAME,                                                                           \
                                                THING)                                                                          \
                                                X(DHCP, THING) X(IPV6, THING) X(CONNECTION, THING) X(PORT, THING) X(            \
                                                    FILE,                                                                       \
                                                    THING) X(FOLDER,                                                            \
                                                             THING) X(SPACE, THING)                                             \
                                                    X(DISK, THING) X(TRACE, THING) X(EVENT, THING) X(STATS, THING) X(           \
                                                        CAPABILITY,                                                             \
                                                        THING) X(TREE, THING)                                                   \
                                                        X(LOG, THING) X(LINE, THING) X(CLOCK, THING) X(DATE, THING) X(          \
                                                            UPTIME,                                                             \
                                                            THING) X(VERSION,                                                   \
                                                                     THING) X(CONFIG, THING)                                    \
                                                            X(SCRIPT, THING) X(CRASH, THING) X(MACHINE, THING) X(               \
                                                                CPU,                                                            \
                                                                THING) X(KERNEL,                                                \
                                                                         THING) X(CARD, THING)                                  \
                                                                X(ROLE, THING) X(COMMAND, THING) X(ERROR, THING) X(             \
                                                                    WARNING, THING) X(TCP, THING)                               \
                                                                    X(UDP, THING) X(PRIORITY, THING) X(                         \
                                                                        STATE, THING) X(PROBLEM, THING)                         \
                                                                        X(MESSAGE, THING) X(BOOT, THING) X(                     \
                                                                            LOAD,                                               \
                                                                            THING) X(ANSWER,                                    \
                                                                                     THING) X(PERSON, THING)                    \
                                                                            X(TOP, THING) X(HELP, THING) X(                     \
                                                                                WHOAMI,                                         \
                                                                                THING) X(WEATHER,                               \
                                                                                         THING) X(FIREWALL, THING)              \
                                                                                X(PLAN, THING) X(POOL, THING) X(                \
                                                                                    RESTART,                                    \
                                                                                    ACT) X(STOP,                                \
                                                                                           ACT) X(START, ACT)                   \
                                                                                    X(PING, ACT) X(RESOLVE, ACT) X(             \
                                                                                        OPEN,                                   \
                                                                                        ACT) X(CLOSE,                           \
                                                                                               ACT) X(READ, ACT)                \
                                                                                        X(WRITE, ACT) X(APPEND, ACT) X(         \
                                                                                            COPY,                               \
                                                                                            ACT) X(MOVE,                        \
                                                                                                   ACT) X(DELETE, ACT)          \
                                                                                            X(FETCH, ACT) X(SAVE, ACT) X(       \
                                                                                                FILTER,                         \
                                                                                                ACT) X(SUMMARISE,               \
                                                                                                       ACT) X(GRANT, ACT)       \
                                                                                                X(REVOKE, ACT) X(               \
                                                                                                    SET,                        \
                                                                                                    ACT) X(SYNC, ACT)           \
                                                                                                    X(SCHEDULE, ACT) X(         \
                                                                                                        RUN,                    \
                                                                                                        ACT) X(CANCEL,          \
                                                                                                               ACT)             \
                                                                                                        X(REBOOT, ACT) X(       \
                                                                                                            POWEROFF,           \
                                                                                                            ACT) X(LOGIN,       \
                                                                                                                   ACT)         \
                                                                                                            X(LOGOUT,           \
                                                                                                              ACT) X(OTHER_ACT, \
                                                                                                                     ACT)       \
                                                                                                                X(LIST_FILES, ACT) \
    X(QUIT, ACT) X(BYE, ACT) X(RECORD, ACT) X(EVENT_KIND, DATA) X(NODE, THING) X(BALANCE, THING) X(WORD, FUNCTION) /* WORD: one word in it is of no lexicon; a name, perhaps */
/* clang-format on */

enum concept {
#define X(name, class) C_##name,
    CONCEPTS(X)
#undef X
        CONCEPT_COUNT,
    C_UNKNOWN = 255 /* no lexicon knows the word */
};

enum concept_class { FUNCTION, QUESTION, VIEW, TRAIT, DATA, THING, ACT };

struct concept_set {
    uint64_t bits[4];
};

static inline void concept_add(struct concept_set *set, unsigned concept)
{
    set->bits[concept >> 6 & 3] |= 1ull << (concept & 63);
}
static inline bool concept_in(const struct concept_set *set, unsigned concept)
{
    return set->bits[concept >> 6 & 3] >> (concept & 63) & 1;
}

extern const uint8_t concept_classes[CONCEPT_COUNT];

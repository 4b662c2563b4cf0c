#include "tests/system/load/load.h"

#include <proto/protocol.h>

#define ASK PROTO_OP(PROTO_BENCH, 7)
#define ASK_WORDS 28u
#define REST_LEAST_MS 20u
#define REST_MOST_MS 480u
#define LATE_MOST_NS (5000 * MS_NS) /* a timer that was lost, not a busy machine */
#define ANSWER_NS 10000000000ul     /* a server that was */

static struct fuzz_rng rng;
static struct load_worker *self;
static handle_t bed;

static int64_t failed(const char *what, uint64_t value)
{
    self->value = value;
    __atomic_store_n(&self->failed, what, __ATOMIC_RELEASE);
    return -1;
}

static void begin(uint64_t argument)
{
    self = &SHARED->workers[ARGUMENT_PLACE(argument)];
    rng.state = ARGUMENT_SEED(argument) | 1;
    result_t channel = channel_create(1, 1);
    ASSERT(channel > 0);
    bed = (handle_t)channel;
}

/* False: it was woken early, or far too late. */
static bool sleep_until(uint64_t deadline_ns)
{
    struct msg m;
    uint64_t signals;
    result_t result = channel_recv(bed, &m, 1, &signals, deadline_ns);
    uint64_t now = clock_now();
    if (result != ERR_TIMED_OUT || now < deadline_ns)
        return failed("woken early", deadline_ns - now), false;
    uint64_t late = now - deadline_ns;
    self->latest_ns = late > self->latest_ns ? late : self->latest_ns;
    return late <= LATE_MOST_NS || (failed("woken late", late), false);
}

static uint64_t rest_ns(void)
{
    return (REST_LEAST_MS + rng_below(&rng, REST_MOST_MS)) * MS_NS;
}

static bool round_ends(void)
{
    __atomic_store_n(&self->rounds, self->rounds + 1, __ATOMIC_RELEASE);
    return sleep_until(clock_now() + rest_ns());
}

/* ---- sleepers ---- */

static int64_t sleeper_run(uint64_t argument)
{
    begin(argument);
    while (round_ends()) {}
    return -1;
}

/* ---- askers, and who answers them ---- */

static uint64_t answer_to(uint64_t word, uint32_t badge)
{
    return word * 0x2545f4914f6cdd1dul + badge;
}

static int64_t echoer_run(uint64_t argument)
{
    static struct msg requests[4], replies[4];
    uint64_t signals;
    size_t answers = 0;
    begin(argument);
    for (;;) {
        result_t count =
            channel_reply_recv(cap_named("echo"), replies, answers, requests, 4, &signals, clock_now() + ANSWER_NS);
        if (count < 0)
            return failed("nobody asks", (uint64_t)-count);
        answers = (size_t)count;
        for (size_t i = 0; i < answers; i++) {
            const struct msg_header *head = &requests[i].head;
            replies[i] = (struct msg){.head = {.op = head->op, .length = head->length, .token = head->token}};
            for (uint32_t k = 0; k < head->length / 8u; k++)
                replies[i].words[k] = answer_to(requests[i].words[k], head->badge);
        }
        self->rounds++;
    }
}

static bool asks_once(uint32_t badge)
{
    uint32_t words = 1 + rng_below(&rng, ASK_WORDS);
    uint64_t first = rng_next(&rng);
    struct msg m = {.head = {.op = ASK, .length = (uint8_t)(words * 8)}};
    for (uint32_t i = 0; i < words; i++)
        m.words[i] = first + i;
    status_t status = channel_call(cap_named("echo"), &m, clock_now() + ANSWER_NS);
    if (status != OK || m.head.length != words * 8)
        return failed("no answer", (uint64_t)-status), false;
    for (uint32_t i = 0; i < words; i++) {
        if (m.words[i] != answer_to(first + i, badge))
            return failed("another's answer, or half of one", m.words[i]), false;
    }
    return true;
}

static int64_t asker_run(uint64_t argument)
{
    begin(argument);
    uint32_t badge = (uint32_t)ARGUMENT_PLACE(argument) + 1;
    do {
        for (uint32_t i = 1 + rng_below(&rng, 8); i; i--) {
            if (!asks_once(badge))
                return -1;
        }
    } while (round_ends());
    return -1;
}

/* ---- mappers ---- */

#define MAPPER_PAGES 12u
#define WORD_STEP 64u

static uint64_t *page_words(void *base, uint64_t page)
{
    return (uint64_t *)base + page * (PAGE_SIZE / 8);
}

static bool words_are(void *base, uint64_t pages, uint64_t tag, bool zero)
{
    for (uint64_t page = 0; page < pages; page++) {
        for (uint32_t i = 0; i < PAGE_SIZE / 8; i += WORD_STEP) {
            volatile uint64_t *word = &page_words(base, page)[i];
            if (*word != (zero ? 0 : tag + page))
                return failed(zero ? "new memory is not zero" : "memory changed", *word), false;
            if (zero)
                *word = tag + page;
        }
    }
    return true;
}

static bool worked(status_t status, const char *what)
{
    return status == OK || (failed(what, (uint64_t)-status), false);
}

static bool maps_once(void)
{
    uint64_t pages = 1 + rng_below(&rng, MAPPER_PAGES), tag = rng_next(&rng);
    handle_t memory;
    void *base = memory_map_new(pages, 0, &memory);
    if (!base)
        return failed("no memory", pages), false;
    bool good = words_are(base, pages, tag, true) &&
                worked(memory_protect(HANDLE_NONE, (uint64_t)base, pages, PROT_READ), "protect") &&
                sleep_until(clock_now() + rng_below(&rng, 3000) * 1000) && words_are(base, pages, tag, false) &&
                worked(memory_protect(HANDLE_NONE, (uint64_t)base, pages, PROT_READ | PROT_WRITE), "protect");
    if (good)
        *(volatile uint64_t *)base = 1;
    return good && worked(cap_close(memory), "close") &&
           worked(memory_unmap(HANDLE_NONE, (uint64_t)base, pages), "unmap");
}

static int64_t mapper_run(uint64_t argument)
{
    begin(argument);
    while (maps_once() && round_ends()) {}
    return -1;
}

/* ---- crunchers ---- */

#define GRID_NS (500 * MS_NS)
#define TURNS 100000ul

static int64_t cruncher_run(uint64_t argument)
{
    begin(argument);
    for (uint64_t next = clock_now() / GRID_NS * GRID_NS; sleep_until(next += GRID_NS);) {
        volatile uint64_t sum = 0;
        for (uint64_t i = 1; i <= TURNS; i++)
            sum += i;
        if (sum != TURNS * (TURNS + 1) / 2)
            return failed("a wrong sum", sum);
        self->rounds++;
    }
    return -1;
}

const struct kind kinds[] = {{"echoer", ECHOERS, 8, echoer_run},
                             {"asker", 4, 7, asker_run},
                             {"sleeper", 4, 9, sleeper_run},
                             {"mapper", 3, 6, mapper_run},
                             {"cruncher", 3, 5, cruncher_run}};
const size_t kind_count = sizeof kinds / sizeof kinds[0];

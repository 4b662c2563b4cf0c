/* A round:  memory for all writers -> they write -> it is taken away -> the frames are used anew -> what do we see?
 *
 *  order   when it is taken away, the writers …        afterwards …
 *  WRITE   are writing                                 fault, every one of them, or are dead
 *  COPY    let the kernel write                        are refused, or are dead
 *  WAIT    stand still, their translations loaded      write into what is mapped there now; or fault, if it is read-only */
#include "tests/system/shoot/director.h"

#include <stdarg.h>
#include <stdio.h>

#define FAILURES_MOST 5
#define LOOKS 3
#define LOOK_PAUSES 300

struct tally tally;

static struct {
    uint64_t seed, number;
    const struct way *way;
    enum order order;
    struct target target;
    uint64_t seen[WRITERS_MAX], least[WRITERS_MAX]; /* counts of writes */
} now;

static const char *const order_names[ORDER_COUNT] = {"waiting", "writing", "copying"};

static bool failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool failed(const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tally.failures++;
    log_error("SHOOT FAILED seed %llu round %llu, %s while %s: %s", (unsigned long long)now.seed,
              (unsigned long long)now.number, now.way->name, order_names[now.order], text);
    return false;
}

static bool worked(status_t status, const char *what)
{
    return status == OK || failed("%s: %s", what, status_name(status));
}

/* ---- looking at the writers ---- */

static bool has_written(uint32_t writer)
{
    return SHARED_READ(SHARED->writers[writer].writes) >= now.least[writer] || writer_has_stopped(writer);
}

static bool was_refused(uint32_t writer)
{
    return SHARED_READ(SHARED->writers[writer].refused) >= 2 || writer_has_stopped(writer);
}

/* Each writes to every page of the window from now on. */
static bool go_through_all(enum order order)
{
    for (uint32_t i = 0; i < crew.writers; i++)
        now.least[i] = SHARED_READ(SHARED->writers[i].writes) + now.target.pages;
    crew_order(order);
    return crew_wait(has_written) || failed("the writers do not come forward");
}

static bool stand_still(void)
{
    crew_order(ORDER_WAIT);
    return crew_wait(writer_has_taken) || failed("the writers do not stop");
}

static bool nobody_faulted(const char *when)
{
    crew_listen(DEADLINE_NOW);
    for (uint32_t i = 0; i < crew.writers; i++) {
        if (crew.members[i].faulted)
            return failed("writer %u faulted %s, at 0x%llx (code %llu)", i, when,
                          (unsigned long long)crew.members[i].fault.address,
                          (unsigned long long)crew.members[i].fault.error_code);
        if (writer_is_gone(i))
            return failed("writer %u ended %s", i, when);
    }
    return true;
}

static bool fault_is_right(uint32_t writer)
{
    const struct msg_fault *f = &crew.members[writer].fault;
    bool inside = f->address - WINDOW_ADDRESS < now.target.pages * PAGE_SIZE;
    if (f->vector == 14 && inside && f->error_code == now.way->fault_code)
        return true;
    return failed("writer %u: vector %u at 0x%llx, code %llu", writer, f->vector, (unsigned long long)f->address,
                  (unsigned long long)f->error_code);
}

/* When it was taken away, one write may have been made and not yet counted. */
static bool wrote_no_more(uint32_t writer)
{
    uint64_t more = SHARED_READ(SHARED->writers[writer].writes) - now.seen[writer];
    return more <= 1 || failed("writer %u wrote %llu times more", writer, (unsigned long long)more);
}

static bool ended_well(uint32_t writer)
{
    int64_t odd = SHARED->writers[writer].odd;
    if (!wrote_no_more(writer))
        return false;
    if (odd)
        return failed("writer %u: its copy came to %s", writer, status_name((status_t)odd));
    if (!now.way->fault_code)
        return writer_is_gone(writer) || failed("writer %u lives on", writer);
    return now.order == ORDER_COPY || fault_is_right(writer);
}

static bool writers_ended_well(void)
{
    bool good = true;
    for (uint32_t i = 0; i < crew.writers; i++)
        good = ended_well(i) && good;
    return good;
}

/* ---- the frames' next life ---- */

static bool pattern_stays(uint64_t *view, uint64_t tag)
{
    const uint64_t *word = NULL;
    for (int i = 0; i < LOOKS && !word; i++) {
        word = pattern_broken(view, now.target.pages, tag);
        for (int k = 0; k < LOOK_PAUSES; k++)
            relax();
    }
    return !word || failed("a stale write into other memory: 0x%llx", (unsigned long long)*word);
}

static uint64_t *reuse(uint64_t tag)
{
    handle_t memory;
    uint64_t *view = memory_map_new(now.target.pages, 0, &memory);
    if (!view) {
        (void)failed("no memory for the frames' next life");
        return NULL;
    }
    cap_close(memory);
    const uint64_t *word = zero_broken(view, now.target.pages);
    if (word)
        (void)failed("a stale write into new memory: 0x%llx", (unsigned long long)*word);
    pattern_fill(view, now.target.pages, tag);
    return view;
}

/* Every writer must come to its end, or be refused; one that goes on writing is not waited for. */
static bool has_ended(uint32_t writer)
{
    bool wrong = SHARED_READ(SHARED->writers[writer].writes) - now.seen[writer] > 1;
    if (!now.way->fault_code)
        return wrong || writer_is_gone(writer);
    return wrong || (now.order == ORDER_COPY ? was_refused(writer) : writer_has_stopped(writer));
}

static bool ends_come(void)
{
    return crew_wait(has_ended) || failed("a writer neither ends nor writes");
}

/* ---- the three orders ---- */

/* The memory is mapped nowhere, or read-only. */
static bool taken_under_their_hands(void)
{
    uint64_t *view = reuse(now.number);
    bool good = view && ends_come();
    good = good && writers_ended_well();
    if (view)
        good = pattern_stays(view, now.number) && good;
    return (!view || worked(memory_unmap(HANDLE_NONE, (uint64_t)view, now.target.pages), "unmap")) && good;
}

static bool all_marks_are_there(void *view)
{
    for (uint32_t w = 0; w < crew.writers; w++) {
        for (uint64_t page = 0; page < now.target.pages; page++) {
            uint64_t word = *writer_place(view, page, w);
            if (word >> 40 != MARK(w, 0ul) >> 40)
                return failed("writer %u wrote elsewhere: 0x%llx in page %llu of what is mapped", w,
                              (unsigned long long)word, (unsigned long long)page);
        }
    }
    return true;
}

static bool new_window_is_written(struct target *next)
{
    result_t address = memory_map(HANDLE_NONE, next->memory, 0, 0, next->pages, PROT_READ | PROT_WRITE);
    if (address < 0)
        return failed("no view: %s", status_name((status_t)address));
    bool good = go_through_all(ORDER_WRITE) && stand_still() && nobody_faulted("in what is mapped") &&
                all_marks_are_there((void *)address);
    return worked(memory_unmap(HANDLE_NONE, (uint64_t)address, next->pages), "unmap") && good;
}

/* Other memory comes to the same place before they go on. */
static bool swapped_before_their_eyes(void)
{
    struct target next;
    uint64_t *view = reuse(now.number);
    bool good = view && worked(target_make(&next, now.target.pages), "the next target");
    good = good && new_window_is_written(&next);
    if (view)
        good = pattern_stays(view, now.number) && good;
    if (good)
        good = worked(cap_revoke(next.memory), "revoke");
    target_drop(&next);
    return (!view || worked(memory_unmap(HANDLE_NONE, (uint64_t)view, now.target.pages), "unmap")) && good;
}

static bool what_follows(void)
{
    if (now.order == ORDER_WAIT && !now.way->keeps && now.way->fault_code)
        return swapped_before_their_eyes();
    if (now.order == ORDER_WAIT && now.way->fault_code)
        crew_order(ORDER_WRITE);
    return taken_under_their_hands();
}

/* ---- the round ---- */

static bool take_away(void)
{
    bool good = nobody_faulted("while it was mapped") && worked(now.way->take(&now.target), now.way->name);
    for (uint32_t i = 0; i < crew.writers; i++)
        now.seen[i] = SHARED_READ(SHARED->writers[i].writes);
    return good;
}

static bool churner_is_well(void)
{
    const struct shoot_churner *c = &SHARED->churner;
    if (crew.members[CHURNER].id && !crew.members[CHURNER].faulted)
        return true;
    return failed("churner: %s: 0x%llx", c->failed ? c->failed : "it ended", (unsigned long long)c->word);
}

static bool play(void)
{
    bool good = go_through_all(now.order == ORDER_COPY ? ORDER_COPY : ORDER_WRITE);
    if (good && now.order == ORDER_WAIT)
        good = stand_still();
    good = good && take_away() && what_follows();
    crew_bury();
    if (now.way->keeps) {
        (void)cap_revoke(now.target.memory);
        target_drop(&now.target);
    }
    good = good && stand_still();
    return churner_is_well() && good;
}

static uint32_t draw_pages(struct fuzz_rng *rng)
{
    return rng_one_in(rng, 16) ? WINDOW_PAGES_MAX - rng_below(rng, 60) : 1 + rng_below(rng, 6);
}

static void draw(uint64_t seed, uint64_t number)
{
    struct fuzz_rng rng = {fuzz_sub_seed(seed, number)};
    uint32_t way = rng_below(&rng, WAY_COUNT), order = rng_below(&rng, ORDER_COUNT);
    now.seed = seed;
    now.number = number;
    now.way = &ways[way];
    now.order = (enum order)order;
    now.target.pages = draw_pages(&rng);
    tally.by_way[way]++;
    tally.by_order[order]++;
}

bool round_run(uint64_t seed, uint64_t number)
{
    draw(seed, number);
    tally.rounds++;
    for (uint32_t i = 0; i < crew.writers; i++)
        SHARED->writers[i].refused = 0;
    if (!worked(crew_fill(), "the crew") || !worked(target_make(&now.target, now.target.pages), "the target"))
        return false;
    if (play())
        return true;
    crew_end(); /* what it left must not make the next ones fail */
    return tally.failures < FAILURES_MOST;
}

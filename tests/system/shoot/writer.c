/* A writer does what its order says, a step at a time, and shows after each how far it is. */
#include "tests/system/shoot/shoot.h"

#define COPY_BYTES 8u
#define COPY_PAUSES 100 /* else two writers in a row of kernel calls hold the lock most of the time */

static void step_wait(struct shoot_writer *self, uint32_t index)
{
    (void)self;
    (void)index;
    relax();
}

static volatile uint64_t *next_place(const struct shoot_writer *self, uint32_t index)
{
    return writer_place((void *)WINDOW_ADDRESS, self->writes % self->pages, index);
}

static void step_write(struct shoot_writer *self, uint32_t index)
{
    *next_place(self, index) = MARK(index, self->writes);
    SHARED_WRITE(self->writes, self->writes + 1);
}

/* The kernel writes there with the translations of this processor, too. */
static void step_copy(struct shoot_writer *self, uint32_t index)
{
    status_t status = random_bytes((void *)next_place(self, index), COPY_BYTES);
    if (status == OK)
        SHARED_WRITE(self->writes, self->writes + 1);
    else if (status == ERR_FAULT)
        SHARED_WRITE(self->refused, self->refused + 1);
    else
        SHARED_WRITE(self->odd, status);
    for (int i = 0; i < COPY_PAUSES; i++)
        relax();
}

static void (*const steps[ORDER_COUNT])(struct shoot_writer *self, uint32_t index) = {
    [ORDER_WAIT] = step_wait, [ORDER_WRITE] = step_write, [ORDER_COPY] = step_copy};

int64_t writer_run(uint64_t index)
{
    struct shoot_writer *self = &SHARED->writers[index];
    for (;;) {
        uint32_t order = SHARED_READ(self->order);
        if (order != self->taken)
            SHARED_WRITE(self->taken, order);
        steps[order & 0xff](self, (uint32_t)index);
    }
}

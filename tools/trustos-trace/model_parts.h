/* What the files of the model share. */
#pragma once
#include "model.h"

#define EMIT(model, what, thing)                                  \
    do {                                                          \
        if ((model)->sink->what)                                  \
            (model)->sink->what((model)->sink->context, (thing)); \
    } while (0)

struct model_task *model_task_of(struct model *model, uint32_t task);

void model_ready_begin(struct model_task *task, uint64_t now);
/* cpu: where it runs now; MODEL_UNKNOWN: nowhere. Nothing happens when it was not ready. */
void model_ready_end(struct model *model, uint32_t id, uint32_t cpu, uint64_t now);
void model_move_begin(struct model_task *task, const struct model_migrate *migrate);
/* cpu: where it runs from now on; MODEL_UNKNOWN: nowhere. */
void model_move_end(struct model *model, struct model_task *task, uint32_t cpu, uint64_t now);

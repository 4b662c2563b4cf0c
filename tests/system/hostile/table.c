/* The table of attacks; each row is a line of attacks.h. */
#include "tests/system/hostile/attacks.h"

#define ALONE(name) NULL
#define LED(name) name##_direct

const struct attack attacks[] = {
#define X(class, name, how, options, expected, text) {#name, CLASS_##class, name, how(name), options, expected, text},
    ATTACKS(X)
#undef X
};
const size_t attack_count = sizeof attacks / sizeof attacks[0];

const char *const attack_class_texts[CLASS_COUNT] = {
#define C(name, text) [CLASS_##name] = text,
    ATTACK_CLASSES(C)
#undef C
};

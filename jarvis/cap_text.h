/* Capabilities in words that a newcomer understands: type, rights, badge, and what the rights allow. */
#pragma once
#include "jarvis/render.h"
#include <abi/object.h>

#define CAP_RIGHTS_TEXT 96

const char *cap_type_name(uint32_t type);
/* "send mint READ": small letters for the kernel's rights, capitals for those of the service behind a channel, "0x100"
 * for what only that service can name. out has CAP_RIGHTS_TEXT bytes; returns it. */
const char *cap_rights_text(char *out, uint32_t type, uint32_t rights);
const char *cap_badge_text(char *out, uint64_t badge); /* out: UNIT_TEXT bytes */

/* Which rights an answer has shown, to explain these and no others below it. */
struct cap_legend {
    uint32_t seen[OBJECT_TYPE_COUNT];
};
void cap_legend_note(struct cap_legend *legend, uint32_t type, uint32_t rights);
void cap_legend_say(const struct cap_legend *legend, struct answer *out); /* nothing in JSON */

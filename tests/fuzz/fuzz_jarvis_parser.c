/* Any bytes, either language: the parser ends, and every slot that it gives is a string inside its arena. */
#include <stdlib.h>
#include <string.h>
#include "jarvis/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request;
    if (size == 0)
        return 0;
    parse_request(&request, (const char *)data + 1, size - 1, data[0] & 1 ? LANGUAGE_FR : LANGUAGE_EN);
    for (unsigned c = 0; c < request.count; c++)
        for (unsigned s = 0; s < request.clauses[c].slot_count; s++) {
            unsigned at = request.clauses[c].slots[s].value;
            if (at + strnlen(request.arena + at, REQUEST_ARENA - at) >= REQUEST_ARENA)
                abort();
        }
    if (request.count == 0 || request.count > CLAUSES_MAX)
        abort();
    return 0;
}

/* Memory of any content where a crash record may lie: nothing beyond its end is read, and what is called a record has
 * parts that lie inside it. With its checksum put right, so that the fields are reached. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/x86/crash_record.h"

static void judge(const void *bytes, size_t size)
{
    const struct crash_head *head = bytes;
    if (!crash_record_valid(bytes, size))
        return;
    uint64_t parts = sizeof *head + (uint64_t)head->text_bytes + head->packet_bytes;
    if (head->bytes > size || parts != head->bytes || strnlen(head->why, CRASH_WHY_MAX) == CRASH_WHY_MAX)
        abort();
}

static uint32_t crc(const uint8_t *bytes, size_t size)
{
    uint32_t c = ~0u;
    for (size_t i = 0; i < size; i++) {
        c ^= bytes[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size ? size : 1); /* exactly as long as it is: ASan sees a byte too far */
    struct crash_head *head = (struct crash_head *)bytes;
    memcpy(bytes, data, size);
    judge(bytes, size);
    if (size >= sizeof *head) {
        head->magic = CRASH_MAGIC;
        head->version = CRASH_VERSION;
        head->checksum = 0;
        head->checksum = crc(bytes, head->bytes >= sizeof *head && head->bytes <= size ? head->bytes : size);
        judge(bytes, size);
    }
    free(bytes);
    return 0;
}

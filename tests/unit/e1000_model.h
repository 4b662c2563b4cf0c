/* An Intel gigabit controller in place of drivers/pci.c and the registers: it does what the manuals say with descriptors in
 * memory that only it and the driver know, and looks at nothing of the driver's own. */
#pragma once
#include "drivers/e1000/device.h"
#include "drivers/e1000/ring.h"

#define MODEL_BUFFERS 300u
#define MODEL_BUFFER_AT 0x20000000ull
#define MODEL_SENT_MAX 4096u

struct model_frame {
    uint32_t length;
    uint8_t bytes[1600];
};

struct model {
    uint32_t registers[0x6000 / 4];
    uint32_t ims, icr;
    uint16_t eeprom[3];
    bool is_82574, gone, hangs, never_resets, eeprom_dead, master, refuse_memory;
    unsigned resets, pinned, capabilities, acks, tail_writes;
    uint32_t irq_mode;
    uint64_t now, signals;
    /* the context that the device keeps, S3.3.6 */
    uint8_t sum_start, sum_place;
    struct model_frame frame; /* being gathered */
    bool frame_summed;
    struct model_frame *sent; /* all that went out */
    unsigned sent_count;
    uint8_t buffers[MODEL_BUFFERS][E1000_BUFFER];
};
extern struct model model;

void model_power_on(uint16_t id); /* forgets all, frees what was sent */
/* A frame off the wire, with status and errors that the device gives to its last descriptor; false: no buffer. */
bool model_receive(const void *bytes, uint32_t length, uint8_t status, uint8_t errors);
void model_result(unsigned index, uint64_t result);  /* any bytes into a receive descriptor */
void model_tx_word(unsigned index, uint64_t second); /* likewise into a transmit descriptor */
void model_link(bool up);
bool model_line(void); /* an interrupt is asked for */
void model_transmit(void);
uint16_t model_sum(const uint8_t *bytes, uint32_t length); /* the Internet checksum, RFC 1071 */
struct nic_resources model_resources(uint16_t id);

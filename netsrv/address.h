/* How the interface gets its address: DHCP, or what the boot line says. */
#pragma once
#include <abi/types.h>

struct address_static {
    uint8_t address[4], gateway[4], dns[4]; /* all zero: none */
    uint8_t prefix;
};

/* Pure. "10.0.2.15/24,10.0.2.2[,dns=10.0.2.3]" → OK or ERR_INVALID. */
status_t address_parse(const char *text, size_t length, struct address_static *out);

enum address_source { ADDRESS_NONE = 0, ADDRESS_DHCP = 1, ADDRESS_STATIC = 2, ADDRESS_LINK_LOCAL = 3 };

void address_start(const char *boot_line); /* after interface_start */
enum address_source address_source(void);
uint32_t address_lease_seconds(void); /* 0: static or none */

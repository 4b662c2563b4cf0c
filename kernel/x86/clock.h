/* Between clock.c and platform.c; what others call is in platform.h. */
#pragma once

void clock_start(void); /* opens the measuring window; after acpi_init() */

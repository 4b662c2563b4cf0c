/* Between apic.c, clock.c and panic.c. */
#pragma once
#include <abi/types.h>

void apic_timer_calibrate(void); /* once the TSC's frequency is known */
void apic_stop_others(void);     /* an NMI to every other CPU */

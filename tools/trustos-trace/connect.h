/* A TCP connection that can be given up at any time. */
#pragma once
#include <signal.h>
#include <stdbool.h>

/* Connects to "HOST", "HOST:PORT" or "[IPv6]:PORT" within `limit_s`. -1 with why[] set, or with why[0] 0 when *stop became
 * true first. */
int connect_to(const char *target, const char *port, double limit_s, const volatile sig_atomic_t *stop, char why[256]);
bool connect_send(int socket, const char *text);

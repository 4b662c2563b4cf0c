/* The forms of values in text: numbers, addresses, paths, URLs, host names. Pure; any bytes are allowed. */
#pragma once
#include "jarvis/concepts.h"

/* The concept of a run of letters by its form alone: C_NUMBER (it begins with a digit; see value_number),
 * C_ADDRESS_VALUE, C_HOST_VALUE, C_PATH, C_URL, C_CLOCK_VALUE, or C_UNKNOWN: words. */
unsigned value_kind(const char *text, size_t length);

/* Digits at the start of text: how many, and their value (at most UINT32_MAX). 0: none, or no word may follow. */
size_t value_number(const char *text, size_t length, uint32_t *value);

bool value_ipv4(const char *text, size_t length, uint8_t address[4]);

/* The intent whose name the text is (with its underscores), or -1. Single words are left to the lexicon. */
int value_tool_name(const char *text, size_t length);

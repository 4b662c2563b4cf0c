/* What must never be in a manifest, proved from the table alone. Pure: the host test runs it on the real table and on
 * broken ones, and init refuses to start anything from a table that breaks a rule. */
#pragma once
#include "init/manifest.h"

#define MANIFEST_QUOTA_PAGES_MAX 2048u /* 8 MiB: what the always-started services may take of a 16 MiB machine */
#define MANIFEST_QUOTA_PERCENT_MAX 90u

struct manifest_fault {
    const char *rule; /* NULL: the table keeps every rule */
    const char *service;
};
struct manifest_fault manifest_check(const struct manifest_entry *entries, size_t count);

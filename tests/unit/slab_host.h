#pragma once

extern int slab_host_pages; /* out now */
extern int slab_host_limit; /* no more than these; -1: no limit */

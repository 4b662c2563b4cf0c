#!/bin/sh
# tools/check-includes.sh: the header rings (docs/build.md). Each program sees only what it needs:
#   kernel/          abi/, kernel/, freestanding headers                 lib/, drivers/   abi/, proto/, lib/ (drivers/ also its own)
#   include/abi      abi/                                                a service        abi/, proto/, lib/, its own folder
#   include/proto    abi/, proto/                                        (netsrv and fssrv also drivers/)
# C library and third-party headers come in angle brackets. tests/ may include anything; tools/ is for the host.
set -eu
cd "$(dirname "$0")/.."

find kernel include lib drivers init devmgr netsrv fssrv rconsole jarvis netbench boot third_party tests \
    \( -name '*.c' -o -name '*.h' \) ! -path 'tests/*' ! -path 'third_party/*' 2>/dev/null | sort |
    xargs -r awk '
    function deny(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, $0, why; wrong = 1 }

    FNR == 1 {
        split(FILENAME, part, "/")
        ring = part[1] == "include" ? "include/" part[2] : part[1]
        folder = FILENAME; sub(/[^\/]*$/, "", folder)
    }
    match($0, /^[ \t]*#[ \t]*include[ \t]*["<][^">]+[">]/) {
        name = substr($0, RSTART, RLENGTH)
        quoted = name ~ /"/
        sub(/^[^"<]*["<]/, "", name); sub(/[">].*/, "", name)
        top = name; sub(/\/.*/, "", top)

        if (name ~ /\.\./) deny("no path upwards; say it from the top of the tree")
        else if (quoted && name !~ /\//) { if (system("test -e " folder name) != 0) deny("not beside this file; C library and foreign headers come in <>") }
        else if (top == "abi") ;
        else if (top == "proto") { if (ring == "kernel" || ring == "include/abi") deny("protocols are between services") }
        else if (ring == "include/abi" || ring == "include/proto") { if (top ~ /^(kernel|lib|drivers)$/ || quoted) deny("a contract includes contracts only") }
        else if (ring == "kernel") { if (quoted ? top != "kernel" : name !~ freestanding) deny("the kernel includes abi/, kernel/ and the freestanding headers") }
        else if (top == "lib" || top == ring) ;
        else if (top == "drivers" && (ring == "netsrv" || ring == "fssrv")) ;
        else if (!quoted && top !~ ours) ;
        else deny(ring " may include abi/, proto/, lib/ and its own folder")
    }
    BEGIN { freestanding = "^(stdint|stddef|stdbool|stdarg|stdalign|stdatomic|stdnoreturn|limits|float|cpuid|string|bearssl.*)[.]h$"
            ours = "^(kernel|init|devmgr|netsrv|drivers|fssrv|rconsole|jarvis|netbench|tests)$" }
    END { exit wrong }'

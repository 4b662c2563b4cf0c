#!/bin/sh
# tools/ksyms.sh <kernel.elf>: prints, as NASM source, the table of the kernel's functions that panics use (kernel/x86/symbols.h).
# tools/ksyms.sh --same <first.elf> <second.elf>: fails if a function lies elsewhere in the second, whose table comes from the first.
set -eu

# Functions of the higher half, by address: "80001234 name" (all addresses begin with ffffffff). Names with a dot are NASM's local
# labels, but for those the compiler makes.
functions() {
    nm --defined-only "$1" | awk 'tolower($2) ~ /^[tw]$/ && $1 ~ /^ffffffff/ &&
        ($3 !~ /\./ || $3 ~ /\.(part|constprop|isra|cold)/) { print substr($1, 9), $3 }' | sort
}

if [ "$1" = --same ]; then
    [ "$(functions "$2")" = "$(functions "$3")" ] && exit 0
    echo "ksyms: the symbol table moved functions; kernel/kernel.ld must place .ksyms after every section with code" >&2
    exit 1
fi

functions "$1" | awk '
    BEGIN { print "section .ksyms progbits alloc noexec nowrite align=4\nglobal ksym_table, ksym_count, ksym_names\nksym_table:" }
    { printf "    dd 0x%s - 0x80000000, %d\n", $1, offset; names = names "    db \"" $2 "\", 0\n"; offset += length($2) + 1 }
    END { printf "ksym_count: dd %d\nksym_names:\n%s    db 0\n", NR, names }'

#!/bin/sh
# boot/netboot.sh <kernel.elf> <services.tar> <out>: makes <out>, the folder that a TFTP server serves (docs/lab.md).
#
#   trustos.pxe, trustos.efi     GRUB for BIOS and for x86_64 UEFI: what DHCP names as boot file
#   trustos.ipxe                 for machines that start with iPXE and chainload
#   grub.cfg, grub.cfg-01-MAC    the boot line of any machine, and of one
#   trustos.cfg                  what they go on with: loads, retries
#   kernel.elf.gz, services.tar.gz
#
# The tree may lie in a folder of the TFTP root: GRUB looks for its files where its own image came from.
# From the environment: BOOT="words" is the boot line of machines without a file of their own; MACHINES=file has a line a machine,
# its MAC address and its boot line, and # before comments.
set -eu
kernel=$1 services=$2 out=$3
: "${BOOT:=}" "${MACHINES:=}"
here=$(dirname "$0")
work=$out.new
most=2097152 # bytes of kernel and modules, packed
modules='net tftp gzio multiboot2 boot normal configfile echo sleep test true reboot ls minicmd serial terminal'
export SOURCE_DATE_EPOCH=1

die() { echo "netboot: $*" >&2; rm -rf "$work"; exit 2; }
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "$1 failed (see above)"; }; }

configuration() { # what it is of, boot line, file
    case $2 in *[!A-Za-z0-9_=,.:/+@%^~\ -]*) die "$1, '$2': only letters, digits, spaces and _=,.:/+@%^~- are understood" ;; esac
    # shellcheck disable=SC2016
    printf 'set line="%s"\nsource $prefix/trustos.cfg\n' "$2" >"$3"
}

each_machine() {
    number=0
    while read -r mac line || [ -n "$mac" ]; do
        number=$((number + 1))
        case $mac in '' | '#'*) continue ;; esac
        name=$(printf '%s' "$mac" | tr 'A-F:' 'a-f-')
        printf '%s\n' "$name" | grep -Eqx '([0-9a-f]{2}-){5}[0-9a-f]{2}' ||
            die "$MACHINES, line $number: '$mac' is no MAC address: say it as 52:54:00:12:34:56"
        [ ! -e "$work/grub.cfg-01-$name" ] || die "$MACHINES, line $number: $mac is there twice"
        configuration "$MACHINES, line $number" "${line%%#*}" "$work/grub.cfg-01-$name"
    done <"$MACHINES"
}

rm -rf "$work" && mkdir -p "$work"
configuration BOOT "$BOOT" "$work/grub.cfg"
if [ -n "$MACHINES" ]; then
    [ -r "$MACHINES" ] || die "MACHINES=$MACHINES cannot be read"
    each_machine
fi
cp "$here/netboot.cfg" "$work/trustos.cfg"
cp "$here/netboot.ipxe" "$work/trustos.ipxe"
strip -s -o "$work/kernel.elf" "$kernel"
cp "$services" "$work/services.tar"
gzip -9n "$work/kernel.elf" "$work/services.tar"

printf 'serial --unit=0 --speed=115200\nterminal_input --append serial\nterminal_output --append serial\n' >"$work/early.cfg"
# shellcheck disable=SC2086
quietly grub-mkimage -O i386-pc-pxe -p '' -c "$work/early.cfg" -o "$work/trustos.pxe" pxe $modules
# shellcheck disable=SC2086
quietly grub-mkimage -O x86_64-efi -p '' -o "$work/trustos.efi" efinet $modules
rm -f "$work/early.cfg" "$work/log"

size=$(cat "$work/kernel.elf.gz" "$work/services.tar.gz" | wc -c)
[ "$size" -lt "$most" ] || die "kernel and modules have $size bytes when packed, and may have less than $most"

chmod 755 "$work" && chmod 644 "$work"/*
rm -rf "$out" && mv "$work" "$out"

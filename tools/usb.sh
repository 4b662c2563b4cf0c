#!/bin/sh
# tools/usb.sh <image> <device>: writes the image to a USB stick, and all that was on the stick is lost. So it looks twice, before
# and after it asks for the device's name: a whole disk, removable, writable, large enough, in use by nobody, and the same one
# both times. It reads back what it wrote.
#
# ROOT (only tests set it) is a folder that stands for /: sys, proc and dev are looked for there, and a device is a plain file.
set -eu
image=$1 device=$2
: "${ROOT:=}"
say="Say DEV=/dev/sdX (lsblk lists them)"

die() { echo "usb: $*" >&2; echo "usb: nothing was written" >&2; exit 2; }
value() { cat "$disk/$1" 2>/dev/null || true; }

# Is the disk or a part of it mounted, swapped to, or held by another (LVM, RAID, encryption)?
in_use() {
    for part in "$disk" "$disk/$name"*; do
        [ -r "$part/dev" ] || continue
        number=$(cat "$part/dev") node=/dev/${part##*/}
        awk -v n="$number" -v d="$node" '$3 == n { print "mounted at " $5; exit }
            { for (i = 7; i < NF; i++) if ($i == "-" && $(i + 2) == d) { print "mounted at " $5; exit } }' "$ROOT/proc/self/mountinfo"
        [ ! -r "$ROOT/proc/swaps" ] || awk -v d="$node" '$1 == d { print "swap space" }' "$ROOT/proc/swaps"
        for holder in "$part"/holders/*; do [ ! -e "$holder" ] || echo "used by ${holder##*/}"; done
    done
}

look() {
    [ -b "$ROOT$device" ] || { [ -n "$ROOT" ] && [ -f "$ROOT$device" ]; } || die "DEV=$device is no disk: $say"
    [ ! -e "$ROOT/sys/class/block/$name/partition" ] || die "$device is a partition: say the whole disk"
    [ -d "$disk" ] || die "$device is no whole disk (there is no $disk)"
    [ "$(value removable)" = 1 ] || die "$device is not removable: if this is a stick, write it by hand (docs/lab.md)"
    [ "$(value ro)" = 0 ] || die "$device is write-protected"
    sectors=$(value size)
    bytes=$((${sectors:-0} * 512))
    [ "$bytes" -ge "$(wc -c <"$image")" ] || die "$device has $bytes bytes, the image $(wc -c <"$image")"
    [ -r "$ROOT/proc/self/mountinfo" ] || die "cannot tell what is mounted"
    uses=$(in_use)
    [ -z "$uses" ] || die "$device is in use ($(printf '%s' "$uses" | tr '\n' ';')): unmount it first"
    seen="$(value dev) $bytes $(value device/vendor) $(value device/model)"
}

[ -r "$image" ] || die "$image is not built"
[ -n "$device" ] || die "which disk? $say"
case $device in /dev/*) ;; *) die "DEV=$device is not in /dev" ;; esac
[ -n "$ROOT" ] || device=$(readlink -f "$device")
name=${device#/dev/} disk=$ROOT/sys/block/${device#/dev/}
case $name in '' | */* | .*) die "DEV=$device is no disk: $say" ;; esac

look
first=$seen
[ -w "$ROOT$device" ] || die "you may not write to $device: use sudo"
printf '%s is a removable disk of %s MiB: %s %s\n' "$device" $((bytes / 1048576)) "$(value device/vendor)" "$(value device/model)"
printf 'ALL that is on it will be lost. Type its name (%s) to go on: ' "$name"
read -r answer || answer=
[ "$answer" = "$name" ] || die "the answer is not $name"
look
[ "$seen" = "$first" ] || die "$device is another disk than it was"

dd if="$image" of="$ROOT$device" bs=1M conv=fsync,notrunc,nocreat status=none || {
    echo "usb: writing to $device failed" >&2
    exit 1
}
[ -n "$ROOT" ] || blockdev --flushbufs "$device"
cmp -n "$(wc -c <"$image")" "$image" "$ROOT$device" || {
    echo "usb: $device does not hold what was written: is the stick broken?" >&2
    exit 1
}
echo "usb: written and read back; the stick starts machines with BIOS and UEFI"

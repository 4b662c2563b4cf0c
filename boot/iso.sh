#!/bin/sh
# boot/iso.sh <grub.cfg> <kernel.elf> <services.tar> <out.iso>: the bootable image, for CD and USB stick, BIOS and UEFI.
#
# Like grub-mkrescue, but with two GRUB core images that hold only the modules needed to read /boot/grub/grub.cfg and start the
# kernel. That makes an ISO of under 2 MB, where grub-mkrescue's smallest has 4.5 MB.
set -eu
config=$1 kernel=$2 services=$3 out=$4
work=$out.d
modules='iso9660 multiboot2 boot normal search_fs_file part_msdos part_gpt'
export SOURCE_DATE_EPOCH=1

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; echo "iso: $1 failed (see above)" >&2; exit 1; }; }

rm -rf "$work" && mkdir -p "$work/root/boot/grub"
cp "$config" "$work/root/boot/grub/grub.cfg"
cp "$services" "$work/root/boot/services.tar"
objcopy --strip-debug "$kernel" "$work/root/boot/kernel.elf"

printf 'search.file /boot/kernel.elf root\nnormal /boot/grub/grub.cfg\n' >"$work/early.cfg"
# shellcheck disable=SC2086
quietly grub-mkimage -O i386-pc-eltorito -p /boot/grub -c "$work/early.cfg" -o "$work/root/boot/grub/bios.img" biosdisk $modules
# shellcheck disable=SC2086
quietly grub-mkimage -O x86_64-efi -p /boot/grub -c "$work/early.cfg" -o "$work/bootx64.efi" fat $modules

# A FAT image just large enough for the one file (in KiB, and 32 KiB for the FAT itself)
size=$(($(wc -c <"$work/bootx64.efi") / 1024 + 32))
quietly mformat -C -i "$work/efi.img" -T $((size * 2)) -h 2 -s 18 -N 0 ::
quietly mmd -i "$work/efi.img" ::/EFI ::/EFI/BOOT
quietly mcopy -i "$work/efi.img" "$work/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI

# The same bytes whenever it is made
find "$work" -exec touch -d @1 {} +
quietly xorriso -as mkisofs -o "$work/out.iso" -volid TRUSTOS -R \
    -b boot/grub/bios.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info \
    --grub2-mbr /usr/lib/grub/i386-pc/boot_hybrid.img \
    -append_partition 2 0xef "$work/efi.img" -eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot \
    "$work/root"
mv "$work/out.iso" "$out"

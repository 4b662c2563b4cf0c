#!/bin/sh
# boot/dhcp.sh <tree> [address]: prints what a DHCP server must say so that machines boot from <tree> (boot/netboot.sh made it).
# The address is that of the TFTP server; without it, this host's first one. DHCP option 93 (RFC 4578 §2.1) tells the firmware apart:
# 0 is BIOS, 7 x86_64 UEFI, and 9 what some such firmware says instead.
set -eu
tree=$(cd "$1" && pwd)
address=${2:-$(hostname -I 2>/dev/null | awk '{ print $1 }')}
: "${address:=192.0.2.1}"
size() { cat "$@" | wc -c; }

cat <<TEXT
$tree: kernel and services, packed: $(($(size "$tree/kernel.elf.gz" "$tree/services.tar.gz") / 1024)) KiB of at most 2048.
What is in BOOT= and MACHINES= is in it; make it anew to change them. The server below is $address (SERVER= names another).

---- dnsmasq, as DHCP and TFTP server: lines for dnsmasq.conf ----
enable-tftp
tftp-root=$tree
dhcp-match=set:trustos-bios,option:client-arch,0
dhcp-match=set:trustos-efi,option:client-arch,7
dhcp-match=set:trustos-efi,option:client-arch,9
dhcp-boot=tag:trustos-bios,trustos.pxe
dhcp-boot=tag:trustos-efi,trustos.efi

---- ISC dhcpd: lines for dhcpd.conf; the TFTP server at $address serves the folder ----
option trustos-arch code 93 = unsigned integer 16;
next-server $address;
if option trustos-arch = 0 {
    filename "trustos.pxe";
} elsif option trustos-arch = 7 or option trustos-arch = 9 {
    filename "trustos.efi";
}

---- Kea: in "Dhcp4" of kea-dhcp4.conf ----
"client-classes": [
    { "name": "trustos-bios", "test": "option[93].hex == 0x0000",
      "next-server": "$address", "boot-file-name": "trustos.pxe" },
    { "name": "trustos-efi", "test": "option[93].hex == 0x0007 or option[93].hex == 0x0009",
      "next-server": "$address", "boot-file-name": "trustos.efi" }
]

---- Machines that start with iPXE take either file too, or the script trustos.ipxe ----
TEXT

#!/bin/sh
# tools/run.sh check|iso|kernel: boots what is in build/ in QEMU, headless, the serial port on the terminal.
#
# From the environment (the Makefile passes its own variables on):
#   MEM=256          MiB of memory                  CPUS=1        processors
#   NODES=1          NUMA nodes, which share both evenly
#   NIC=virtio       or e1000, e1000-82545em, e1000e
#   MACHINE=pc       or q35
#   CONSOLE=2323     host ports, on 127.0.0.1, of the text console,
#   AGENT=2324       of the agent port (forwarded; this version does not listen there yet) and
#   TRACE=2325       of the trace stream, and the next one for LTTng-live viewers
#   BOOT="..."       boot line                      DISK=file     a raw disk image
#   QEMU_EXTRA="..." more words for QEMU
set -eu
mode=${1:-iso}
: "${MEM:=256}" "${CPUS:=1}" "${NIC:=virtio}" "${MACHINE:=pc}" "${CONSOLE:=2323}" "${AGENT:=2324}" "${TRACE:=2325}"
: "${NODES:=1}" "${BOOT:=}" "${DISK:=}" "${QEMU_EXTRA:=}"

die() { echo "run: $*" >&2; exit 2; }

is_number() { case $1 in '' | *[!0-9]* | 0* | ???????*) return 1 ;; esac; }

is_number "$MEM" || die "MEM=$MEM is not a size: say a number of MiB, as MEM=256"
is_number "$CPUS" && [ "$CPUS" -le 64 ] || die "CPUS=$CPUS is not a number of processors: say 1 to 64, as CPUS=2"
is_number "$NODES" && [ "$NODES" -le 8 ] && [ "$NODES" -le "$CPUS" ] ||
    die "NODES=$NODES with CPUS=$CPUS: say 1 to 8 nodes, and a processor at least for each, as CPUS=4 NODES=2"
case $MACHINE in pc | q35) ;; *) die "MACHINE=$MACHINE is not known: say MACHINE=pc or MACHINE=q35" ;; esac
case $NIC in
    virtio) device=virtio-net-pci ;;
    e1000 | e1000-82545em | e1000e) device=$NIC ;;
    *) die "NIC=$NIC is not known: say NIC=virtio, NIC=e1000, NIC=e1000-82545em or NIC=e1000e" ;;
esac
[ -z "$DISK" ] || [ -r "$DISK" ] || die "DISK=$DISK cannot be read: make one with: truncate -s 64M $DISK"
case $DISK in *,*) die "DISK=$DISK: QEMU takes no comma in a file name" ;; esac

# Words for QEMU: a node's share of processors and memory; the last node has what is left over.
node_words() {
    node=0 cpu=0 mib=0
    while [ "$node" -lt "$NODES" ]; do
        next_cpu=$((CPUS * (node + 1) / NODES)) next_mib=$((MEM * (node + 1) / NODES))
        printf '%s ' -object "memory-backend-ram,id=node$node,size=$((next_mib - mib))M" \
            -numa "node,nodeid=$node,memdev=node$node,cpus=$cpu-$((next_cpu - 1))"
        node=$((node + 1)) cpu=$next_cpu mib=$next_mib
    done
}
nodes=
[ "$NODES" = 1 ] || nodes=$(node_words)

# Is somebody listening on this port? State 0A is LISTEN; the port is in hexadecimal behind the last colon.
in_use() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$(printf '%04X' "$1")" '$4 == "0A" && $2 ~ "^(00000000|0100007F|0{32}|00000000000000000000000001000000):" port "$" { found = 1 } END { exit !found }'
}

forwards=
forward() { # variable, host port, guest port, what else to do when it is taken
    is_number "$2" && [ "$2" -le 65535 ] || die "$1=$2 is not a port: say a number from 1 to 65535"
    case $forwards in *":$2-"*) die "$1: host port $2 is given twice: CONSOLE, AGENT, TRACE and TRACE+1 must differ" ;; esac
    ! in_use "$2" || die "host port $2 is in use (another TRustOs?): end that, or $4"
    forwards="$forwards,hostfwd=tcp:127.0.0.1:$2-:$3"
}
forward CONSOLE "$CONSOLE" 2323 "choose another with CONSOLE=<port>"
forward AGENT "$AGENT" 2324 "choose another with AGENT=<port>"
forward TRACE "$TRACE" 2325 "choose two others with TRACE=<port>"
forward TRACE $((TRACE + 1)) 2326 "choose two others with TRACE=<port>"
case " $BOOT " in
    *" netbench "*)
        for pair in "2307 7" "2309 9" "2319 19" "2501 5001"; do
            forward netbench "${pair% *}" "${pair#* }" "boot without netbench"
        done ;;
esac
[ "$mode" != check ] || exit 0

case $mode in
    iso) set -- -cdrom build/trustos.iso -boot order=d ;;
    kernel) set -- -kernel build/kernel.elf -initrd build/services.tar -append "$BOOT" ;;
    *) die "say check, iso or kernel" ;;
esac
[ -z "$DISK" ] || set -- "$@" -drive "file=$DISK,format=raw,if=virtio"

cat <<TEXT
Booting TRustOs ($MEM MiB, $CPUS CPU, $NIC, $MACHINE). Its serial port is this terminal; Ctrl-A X leaves.
From another terminal:
    nc 127.0.0.1 $CONSOLE        the console (inside it is port 2323): try status, or help
TEXT
case " $BOOT " in *" netbench "*) echo "    ports 2307 echo, 2309 discard, 2319 chargen, 2501 iperf" ;; esac
# shellcheck disable=SC2086
exec qemu-system-x86_64 -nodefaults -no-user-config -display none -serial mon:stdio \
    -machine "$MACHINE" -cpu max -m "$MEM" -smp "$CPUS" $nodes \
    -netdev "user,id=net0$forwards" -device "$device,netdev=net0,romfile=" "$@" $QEMU_EXTRA

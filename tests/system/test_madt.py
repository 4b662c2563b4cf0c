"""Processors that the firmware lists and that are not there, not usable, or not listed as the specification has it. QEMU adds a
second MADT to its own (-acpitable); the kernel takes both as one list."""
import re
import struct
import tempfile
import time
from contextlib import contextmanager

from gdbstub import INTERRUPTS, RIP, Stub, symbols
from harness import Boot, Machine, Skip, check, expect, test, wait_for
from test_faults import task_ids
from test_smp import cpus_said

ENABLED, LATER = 1, 2  # ACPI 6.4 table 5.23


def xapic(apic_id, flags=ENABLED, length=8):
    """Processor Local APIC, ACPI 6.4 §5.2.12.2."""
    return struct.pack("<BBBBI", 0, length, apic_id, apic_id, flags)


def x2apic(apic_id, flags=ENABLED):
    """Processor Local x2APIC, §5.2.12.12."""
    return struct.pack("<BBHIII", 9, 16, 0, apic_id, flags, apic_id)


@contextmanager
def listed(*entries, extra=(), **boot):
    """A machine with these entries beside QEMU's own."""
    with tempfile.NamedTemporaryFile(prefix="trustos-madt-") as file:
        file.write(struct.pack("<II", 0xFEE00000, 1) + b"".join(entries))
        file.flush()
        table = f"sig=APIC,rev=3,oem_id=TRUST,oem_table_id=TESTMADT,data={file.name}"
        with Machine(Boot(extra=("-acpitable", table, *extra), **boot)) as machine:
            machine.wait_console()
            yield machine


def silent(machine):
    """The APIC ids that were told of as not answering."""
    return [int(n) for n in re.findall(r"the CPU with APIC id (\d+) does not answer: going on without it",
                                       machine.serial())]


def serves(machine, cpus):
    check(cpus_said(machine) == cpus, f"{cpus_said(machine)} of {cpus} processors")
    check("netsrv" in task_ids(machine), "netsrv is not there")
    check("PANIC" not in machine.serial(), "panic")


@test()
def a_processor_that_does_not_answer_is_named_and_the_others_run():
    for how, machine_type in (("kernel", "pc"), ("kernel", "q35"), ("iso", "pc"), ("uefi", "q35")):
        with listed(xapic(9), cpus=2, how=how, machine=machine_type) as machine:
            check(silent(machine) == [9], f"{how}, {machine_type}: {silent(machine)}")
            serves(machine, 2)


@test()
def alone_with_processors_that_do_not_answer_the_first_goes_on():
    with listed(xapic(1), xapic(200), x2apic(77)) as machine:
        check(silent(machine) == [1, 200, 77], f"{silent(machine)}")
        serves(machine, 1)


@test()
def entries_told_twice_disabled_or_for_all_start_nothing_twice():
    with listed(xapic(0), xapic(1), x2apic(1), xapic(2), xapic(9, 0), xapic(10, LATER), xapic(0xFF),
                x2apic(0xFFFFFFFF), cpus=3) as machine:
        check(silent(machine) == [], f"{silent(machine)}")
        serves(machine, 3)


@test()
def more_entries_than_there_is_room_for_are_counted_and_left_out():
    with listed(*(xapic(n) for n in range(2, 102)), cpus=2) as machine:
        expect(r"acpi: 38 CPUs more than there is room for", machine.serial(), "the boot log")
        check(silent(machine) == list(range(2, 64)), f"{silent(machine)}")
        serves(machine, 2)


@test()
def entries_with_lying_lengths_end_the_list():
    for length in (0, 1, 255):
        with listed(xapic(8), xapic(9, length=length), xapic(10), cpus=2) as machine:
            check(silent(machine) == [8], f"length {length}: {silent(machine)}")
            serves(machine, 2)


@test()
def a_processor_that_comes_after_all_others_went_on_stops_at_the_door():
    with tempfile.TemporaryDirectory(prefix="trustos-gdb-") as folder:
        stub = ("-gdb", f"unix:path={folder}/gdb,server=on,wait=off", "-smp", "1,maxcpus=2")
        with listed(xapic(1), extra=stub) as machine:
            check(silent(machine) == [1], f"{silent(machine)}")
            machine.qmp("device_add", driver="qemu64-x86_64-cpu", **{"socket-id": 0, "core-id": 1, "thread-id": 0})
            page = called_again(machine, f"{folder}/gdb", 1)
            wait_for(lambda: parked(machine, page), 30, "the late processor to stand still in its first page")
            serves(machine, 1)
            time.sleep(1)
            check(parked(machine, page), "it went on")


def called_again(machine, path, apic_id):
    """The first processor, when it idles, sends what it sent at the start. The page where the other one begins."""
    known = symbols()

    def attempt():
        with Stub(path) as stub:
            _, register = stub.registers()
            idle = known["cpu_idle_wait"] <= register(RIP) < known["cpu_idle_wait"] + 64
            page = stub.read(known["low_page"], 8) if idle else 0
            if idle:
                stub.call(known["apic_start_cpu"], apic_id, page >> 12)
            stub.send("D")
            return page
    return wait_for(attempt, 60, "the first processor to idle", 0.1)


def parked(machine, page):
    """In long mode, halted, with interrupts off, still in the trampoline."""
    dump = machine.monitor("info registers -a").split("CPU#1")[-1]
    rip, flags = re.search(r"RIP=([0-9a-f]+)", dump), re.search(r"RFL=([0-9a-f]+)", dump)
    if not rip or not flags:
        return False  # still in real mode
    inside = page <= int(rip[1], 16) < page + 4096
    return inside and "HLT=1" in dump and not int(flags[1], 16) & INTERRUPTS and "CS64" in dump


# ---- ids of more than eight bits ----

@test()
def without_x2apic_processors_with_wide_ids_are_left_out_by_name():
    with listed(x2apic(300), x2apic(255), x2apic(7), cpus=2, cpu="qemu64,x2apic=off") as machine:
        for apic_id in (300, 255):
            expect(rf"smp: the CPU with APIC id {apic_id} is left out: its id takes x2APIC, and the processor has no x2APIC",
                   machine.serial(), "the boot log")
        check(silent(machine) == [7], f"{silent(machine)}")
        serves(machine, 2)


def need_x2apic():
    """QEMU emulates it from version 9.0 on, and says so when it can't."""
    with Machine(Boot(cpu="qemu64,x2apic=on")) as machine:
        if "x2apic" in machine.qemu_log():
            raise Skip("this QEMU has no x2APIC")


def wide(cpus, confined):
    """With one that is listed x2APIC is turned on, on all; those that are there are reached by IPIs and interrupts."""
    boot = dict(machine="q35", cpus=cpus, cpu="qemu64,x2apic=on")
    if confined:
        boot |= dict(iommu="intremap=on,eim=on", nic="virtio-net-pci,disable-legacy=on,iommu_platform=on")
    with listed(x2apic(300), **boot) as machine:
        expect(r"apic: x2APIC turned on, for the MADT lists a CPU whose id has more than eight bits", machine.serial())
        check(silent(machine) == [300], f"{silent(machine)}")
        serves(machine, cpus)


@test()
def with_x2apic_a_wide_id_turns_it_on_for_all():
    need_x2apic()
    for cpus, confined in ((1, False), (4, False), (4, True)):
        wide(cpus, confined)


def far_processors(**boot):
    """Processors 2 and 3 have APIC ids above 500. QEMU's firmwares turn x2APIC on for them."""
    far = tuple(x for core in (0, 1) for x in
                ("-device", f"qemu64-x86_64-cpu,x2apic=on,socket-id=1,core-id={core},thread-id=0"))
    return Boot(machine="q35", cpu="qemu64,x2apic=on", extra=("-smp", "2,maxcpus=600,sockets=2,cores=300", *far), **boot)


@test()
def processors_with_wide_ids_run_where_the_firmware_turned_x2apic_on():
    need_x2apic()
    with Machine(far_processors()) as machine:
        machine.wait_console()
        serves(machine, 4)

"""The machines it boots on, and what the boot line does."""
import re
import time

from harness import BUILD, TOKEN, Boot, Machine, check, expect, test
from test_console import event_names

MACHINES = {
    "pc_with_cpu_max": Boot(cpu="max"),
    "q35_with_cpu_qemu64": Boot(machine="q35"),
    "q35_with_cpu_max_and_1_gib": Boot(machine="q35", cpu="max", mem=1024),
    "pc_with_16_mib": Boot(mem=16),
    "pc_with_2_cpus": Boot(cpus=2),
    "q35_with_4_gib_and_memory_above_4_gib": Boot(machine="q35", mem=5120),
    "virtio_without_event_index_and_indirect": Boot(nic="virtio-net-pci,event_idx=off,indirect_desc=off"),
    "virtio_without_offloads": Boot(nic="virtio-net-pci,csum=off,guest_csum=off,mrg_rxbuf=off"),
    "virtio_without_msix": Boot(nic="virtio-net-pci,vectors=0"),
    "virtio_on_q35_without_msix": Boot(machine="q35", nic="virtio-net-pci,vectors=0"),
    "virtio_modern_only": Boot(nic="virtio-net-pci,disable-legacy=on"),
    "e1000_on_q35": Boot(machine="q35", nic="e1000"),
    "e1000_through_the_iommu": Boot(machine="q35", iommu="intremap=on", nic="e1000"),
    "e1000e_through_the_iommu": Boot(machine="q35", iommu="intremap=on", nic="e1000e"),
    "e1000e_on_q35_with_4_cpus": Boot(machine="q35", nic="e1000e", cpus=4),
    "a_static_address": Boot(append="ip=10.0.2.15/24,10.0.2.2"),
    "the_shortest_log": Boot(append="log=error"),
    "no_poll": Boot(append="nopoll"),
}


def boots_and_talks(boot):
    def function():
        with Machine(boot) as machine:
            machine.wait_console()
            expect(r"\bup\b|uptime", machine.ask("status"))
            expect(r"10\.0\.2\.15", machine.ask("network"))
    return function


for _key, _boot in MACHINES.items():
    _function = boots_and_talks(_boot)
    _function.__name__ = f"boots_and_talks[{_key}]"
    test()(_function)


SHIPPED = str(BUILD / "services.tar")


@test()
def a_machine_of_11_mib_runs_every_service():
    with Machine(Boot(mem=11, initrd=SHIPPED)) as machine:
        machine.wait_console()
        expect(r"^All is well", machine.ask("status"))
        check("too little memory" not in machine.serial(), "a service lacks memory")


@test()
def a_machine_of_10_mib_answers_and_says_what_it_lacks():
    with Machine(Boot(mem=10, initrd=SHIPPED)) as machine:
        machine.wait_console()
        status = machine.ask("status")
        lacking = re.findall(r"init: (\w+): GIVEN UP: there is not enough memory", machine.serial())
        check(not set(lacking) & {"devmgr", "netsrv", "jarvis", "rconsole"}, f"the console lacks {lacking}")
        for name in lacking:
            expect(rf"init: {name}: this machine has too little memory: \d+ KiB are left, it needs \d+ KiB "
                   r"\(the console needs a machine of 10 MiB, with all services 11 MiB\)", machine.serial(), "the serial log")
            expect(rf"^Not all is well.*{name} is not", status)
        check(bool(lacking) != status.startswith("All is well"), f"the log and `status` differ: {lacking}, {status[:80]!r}")


@test()
def an_unknown_boot_option_is_reported_and_ignored():
    with Machine(Boot(append="frobnicate nosuch=17 log=info")) as machine:
        machine.wait_console()
        for word in ("frobnicate", "nosuch"):
            expect(rf"unknown boot option '?{word}.*ignored", machine.serial(), "the serial log")
        check(not re.search(r"unknown boot option '?log", machine.serial()), "a known option was called unknown")


@test()
def log_error_keeps_the_serial_line_quiet():
    with Machine(Boot(append=f"log=error token={TOKEN}")) as machine:
        machine.wait_console()
        check(len(machine.serial().splitlines()) <= 5, f"log=error still prints: {machine.serial()[:500]!r}")


@test()
def with_an_unsupported_or_no_nic_it_boots_and_lives_on():
    for nic, net in (("pcnet", "user"), ("rtl8139", "user"), ("", "none")):
        with Machine(Boot(nic=nic, net=net)) as machine:
            machine.wait_serial(r"no network device that this version drives", 120)
            if nic:
                expect(r"no driver for network device (1022:2000|10ec:8139)", machine.serial(), "the serial log")
            time.sleep(2)  # long enough for two starts again, which there must not be
            machine.monitor("stop")
            check("start it again" not in machine.serial(), f"it tries again: {machine.serial()[-2000:]}")
            check("PANIC" not in machine.serial().upper(), f"NIC {nic or 'none'}: panic\n{machine.serial()[-2000:]}")


@test()
def two_nics_are_listed_and_the_first_is_used():
    with Machine(Boot(extra=("-device", "e1000,romfile="))) as machine:
        machine.wait_console()
        answer = machine.ask("devices")
        expect("8086:?100e|e1000|82540", answer)
        expect("1af4|virtio", answer)
        expect(r"^Driver +virtio-net$", machine.ask("network"))


@test()
def a_nic_without_driver_is_passed_over():
    wired = ("-device", "e1000e,netdev=n0,romfile=", "-netdev", "user,id=n0,hostfwd=tcp:127.0.0.1:0-:2323")
    with Machine(Boot(nic="", net="none", extra=("-device", "rtl8139,romfile=") + wired)) as machine:
        machine.wait_serial(r"no driver for network device 10ec:8139", 120)
        machine.wait_serial(r"e1000: link up, 1000 Mb/s", 120)
        machine.wait_serial(r"address 10\.0\.2\.15 \(dhcp\)", 120)


@test()
def a_panic_prints_the_last_32_events_registers_and_a_backtrace():
    with Machine(Boot(append="panictest panic=halt")) as machine:
        machine.wait_serial(r"^=== SYSTEM HALTED ===$")
        check_panic(machine.serial())
        time.sleep(2)
        before = machine.cpu_seconds()
        time.sleep(3)
        check(machine.cpu_seconds() - before < 1, "the halted machine spins")
        check(machine.serial().rstrip().endswith("=== SYSTEM HALTED ==="), "something is printed after the end")


HEX = "[0-9a-f]{16}"
EVENT = r"\[([ ]*)(\d+)\]\[CPU(\d+)\] ([A-Z]\w+) payload=0x(0|[1-9a-f][0-9a-f]*)"
PANIC = [
    r"=== KERNEL PANIC: .+ ===", r"=== TRACE DUMP \(last 32 events\) ===", *[EVENT] * 32, "=== END TRACE DUMP ===",
    r"vector \d+ error 0x[0-9a-f]+", rf"rip {HEX} cs [0-9a-f]{{4}} rflags [0-9a-f]{{8}}", rf"rsp {HEX} ss [0-9a-f]{{4}}",
    rf"rax {HEX} rbx {HEX} rcx {HEX} rdx {HEX}", rf"rsi {HEX} rdi {HEX} rbp {HEX} r8  {HEX}",
    rf"r9  {HEX} r10 {HEX} r11 {HEX} r12 {HEX}", rf"r13 {HEX} r14 {HEX} r15 {HEX}",
    rf"cr0 {HEX} cr2 {HEX} cr3 {HEX} cr4 {HEX}", r"cpu 0 task (none|\d+ \([a-z]+\))", "backtrace:",
]
FRAME = r"  #\d+ 0xffffffff[0-9a-f]{8} [a-z_]\w*\+0x[0-9a-f]+"


def check_panic(text):
    """The dump's text, line by line (shared/design/trace.md)."""
    rows = text.splitlines()
    start = next(i for i, row in enumerate(rows) if row.startswith("=== KERNEL PANIC"))
    rows = rows[start:]
    for row, pattern in zip(rows, PANIC):
        check(re.fullmatch(pattern, row), f"{row!r} is not of the form /{pattern}/")
    events = [re.fullmatch(EVENT, row) for row in rows[2:34]]
    check(all(len(m[1] + m[2]) == 10 for m in events), "numbers do not stand right-aligned in ten columns")
    numbers = [int(m[2]) for m in events]
    check(numbers == list(range(numbers[0], numbers[0] + 32)), f"numbers do not count up: {numbers}")
    check({m[4] for m in events} <= event_names(), f"unknown events: {[m[4] for m in events]}")
    frames = rows[len(PANIC):rows.index("=== SYSTEM HALTED ===")]
    check(len(frames) >= 2, f"a backtrace of {len(frames)} frames")
    for row in frames[:2]:
        check(re.fullmatch(FRAME, row), f"not a frame with its symbol: {row!r}")


def nodes_of(machine):
    """[(CPUs, MiB, distances)] as the boot log has them; none when all is one node."""
    lines = re.findall(r"kernel: (\d+) nodes: (\d+) has (\d+) CPUs, (\d+) MiB, distances ([\d ]+)", machine.serial())
    check([(int(line[0]), int(line[1])) for line in lines] == [(len(lines), i) for i in range(len(lines))], f"{lines}")
    return [(int(cpus), int(mib), [int(word) for word in distances.split()]) for _, _, cpus, mib, distances in lines]


def numa(*words, mem=256, cpus=4):
    """Words are a node each, as "cpus=0-1,mem=128": memory in MiB; "dist,…" as QEMU has it."""
    extra = []
    for i, word in enumerate(words):
        node = re.sub(r",?mem=(\d+)", lambda m: f",memdev=m{i}", word)
        for size in re.findall(r"mem=(\d+)", word):
            extra += ["-object", f"memory-backend-ram,id=m{i},size={size}M"]
        extra += ["-numa", node if word.startswith("dist") else f"node,nodeid={i},{node.strip(',')}"]
    return Boot(mem=mem, cpus=cpus, extra=tuple(extra))


@test()
def nodes_are_found_with_their_cpus_memory_and_distances():
    with Machine(numa("cpus=0-1,mem=64", "cpus=2-3,mem=192", "dist,src=0,dst=1,val=17")) as machine:
        machine.wait_console()
        found = nodes_of(machine)
        check([(cpus, distances) for cpus, _, distances in found] == [(2, [10, 17]), (2, [17, 10])], f"{found}")
        check(50 <= found[0][1] <= 64 and 180 <= found[1][1] <= 192, f"{found}")
        expect(r"of 25\d MiB", machine.ask("memory"))


@test()
def a_node_may_have_no_memory_or_no_cpus():
    with Machine(numa("cpus=0-1", "cpus=2-3,mem=128", "mem=128")) as machine:
        machine.wait_console()
        found = nodes_of(machine)
        check([(cpus, mib > 100) for cpus, mib, _ in found] == [(2, False), (2, True), (0, True)], f"{found}")
        expect(r"of 25\d MiB", machine.ask("memory"))


@test()
def more_nodes_than_there_is_room_for_are_one_and_it_is_said():
    with Machine(numa(*(f"cpus={i},mem=32" for i in range(9)), mem=288, cpus=9)) as machine:
        machine.wait_console()
        check(nodes_of(machine) == [], "nodes")
        expect("acpi: the SRAT names more nodes than there is room for: it is left aside, all is one node", machine.serial())
        expect(r"of 28\d MiB", machine.ask("memory"))

"""The machines it boots on, and what the boot line does."""
import re

from harness import TOKEN, Boot, Machine, check, expect, test
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


@test()
def an_unknown_boot_option_is_reported_and_ignored():
    with Machine(Boot(append="frobnicate nosuch=17 log=info")) as machine:
        machine.wait_console()
        for word in ("frobnicate", "nosuch"):
            expect(rf"^.*\b{word}\b.*$", machine.serial(), "the serial log")
        check(not re.search(r"unknown.*\blog\b=", machine.serial()), "a known option was called unknown")


@test()
def log_error_keeps_the_serial_line_quiet():
    with Machine(Boot(append=f"log=error token={TOKEN}")) as machine:
        machine.wait_console()
        check(len(machine.serial().splitlines()) <= 5, f"log=error still prints: {machine.serial()[:500]!r}")


@test()
def with_an_unsupported_or_no_nic_it_boots_and_lives_on():
    for nic, net in (("e1000", "user"), ("rtl8139", "user"), ("", "none")):
        with Machine(Boot(nic=nic, net=net)) as machine:
            machine.wait_serial(r"\b(jarvis|rconsole)\b", 120)
            machine.monitor("stop")
            check("PANIC" not in machine.serial().upper(), f"NIC {nic or 'none'}: panic\n{machine.serial()[-2000:]}")


@test()
def two_nics_are_listed_and_the_virtio_one_is_used():
    with Machine(Boot(extra=("-device", "e1000,romfile="))) as machine:
        machine.wait_console()
        answer = machine.ask("devices")
        expect("8086:?100e|e1000|82540", answer)
        expect("1af4|virtio", answer)


@test()
def a_panic_prints_the_last_32_events_registers_and_a_backtrace():
    with Machine(Boot(append="panictest")) as machine:
        machine.wait_serial(r"=== END TRACE DUMP ===")
        machine.wait_serial(r"(?s)=== END TRACE DUMP ===.*\b(rip|RIP)\b.*")
        check_panic(wait_quiet(machine))


def wait_quiet(machine):
    """The serial log once it has stopped growing."""
    import time
    text, end = "", time.monotonic() + 30
    while text != machine.serial() and time.monotonic() < end:
        text = machine.serial()
        time.sleep(1)
    return text


def check_panic(text):
    rows = text.splitlines()
    start = rows.index("=== TRACE DUMP (last 32 events) ===")
    end = rows.index("=== END TRACE DUMP ===")
    events = rows[start + 1:end]
    check(len(events) == 32, f"{len(events)} events")
    names, before = event_names(), None
    for row in events:
        m = re.fullmatch(r"\[([ ]*)(\d+)\]\[CPU(\d+)\] ([A-Z]\w+) payload=0x(0|[1-9a-f][0-9a-f]*)", row)
        check(m, f"not the form of trace.md: {row!r}")
        check(len(m[1]) + len(m[2]) == max(10, len(m[2])), f"not right-aligned in ten columns: {row!r}")
        check(m[4] in names, f"no such event: {row!r}")
        check(before is None or int(m[2]) == before + 1, f"does not follow {before}: {row!r}")
        before = int(m[2])
    after = "\n".join(rows[end:])
    check("panic" in "\n".join(rows[:start]).lower(), "no line says panic before the dump")
    for register in ("rip", "rsp", "cr3", "rax", "r15"):
        expect(rf"\b{register}\b\W*(0x)?[0-9a-f]+", after, "what follows the dump")
    check(len(re.findall(r"[0-9a-f]{16}\W+[a-z_]\w+\+?", after)) >= 2, f"no symbolized backtrace: {after!r}")

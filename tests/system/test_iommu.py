"""Devices are confined by an IOMMU (VT-d) where there is one: what works stays as it was, and a driver that uses its card
to reach what it was not given (tests/system/evilnic) is refused, reported and loses the card."""
import re
import struct
import threading
import time

from harness import BUILD, ECHO, TOKEN, Boot, Failure, Machine, check, expect, test, wait_for
from test_bulk import echo_bytes
from test_faults import back_again, restart, task_ids
from test_leaks import figures

VIRTIO = "virtio-net-pci,disable-legacy=on,iommu_platform=on"
OPERATOR = f"netbench token={TOKEN}"
CONFINED = Boot(append=OPERATOR, machine="q35", iommu="intremap=on", nic=VIRTIO)
NOT_CONFINED = Boot(append=OPERATOR)
SAYS_CONFINED = r"kernel: iommu: devices are confined to the memory that is pinned for them"
SAYS_NOT = r"kernel: iommu: .*a device driver's task must be trusted with all memory"


# ---- what worked still works ----

@test(CONFINED)
def a_confined_machine_says_so_and_answers(machine):
    machine.wait_serial(SAYS_CONFINED + r" \(.*interrupts too\)")
    expect(r"10\.0\.2\.15", machine.ask("network"))
    expect(r"network .*netsrv", machine.ask("devices"))
    check("quarantine" not in machine.ask("devices"), "a device is quarantined for nothing")


@test(CONFINED)
def bulk_through_the_iommu_comes_back_whole(machine):
    echo_bytes(machine, 64 << 20)


def under_load(machine, work):
    """Calls work() while an echo runs that may be cut off at any time."""
    stop = threading.Event()

    def load():
        while not stop.is_set():
            try:
                with machine.connect(ECHO, 2) as connection:
                    while not stop.is_set():
                        connection.send(bytes(65536))
                        connection.read_exactly(65536)
            except (Failure, OSError):
                time.sleep(0.1)
    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    try:
        work()
    finally:
        stop.set()
        thread.join()


def killed_under_load(name):
    """What it had pinned comes back, but not before the card is quiet: a frame that landed in reused memory would show as
    a wrong byte in the echo, a crash or a drift of the figures."""
    def function(machine):
        free = []
        for _ in range(2):
            before = task_ids(machine)[name]
            under_load(machine, lambda: (time.sleep(0.3), restart(machine, name)))
            back_again(machine, name, before)
            echo_bytes(machine, 1 << 20)
            time.sleep(1.2)
            free.append(figures(machine)["free_pages"])
        check(free[-1] >= free[0] - 8, f"free pages after restarts of {name} under load: {free}")
        check("QUARANTINED" not in machine.serial(), "an honest card was caught")
        check("PANIC" not in machine.serial(), "panic")
    return function


for _boot, _where in ((CONFINED, "confined"), (NOT_CONFINED, "unconfined")):
    for _name in ("netsrv", "devmgr"):
        _function = killed_under_load(_name)
        _function.__name__ = f"a_{_where}_{_name}_killed_under_load_comes_back_and_so_do_its_pages"
        test(_boot)(_function)


@test()
def without_interrupt_remapping_memory_is_confined_all_the_same():
    with Machine(Boot(append=OPERATOR, machine="q35", iommu="intremap=off", nic=VIRTIO)) as machine:
        machine.wait_console()
        machine.wait_serial(SAYS_CONFINED + r" \(.*interrupts not\)")
        echo_bytes(machine, 4 << 20)


@test(NOT_CONFINED)
def without_an_iommu_one_plain_line_says_what_that_means(machine):
    check(len(re.findall(SAYS_NOT, machine.serial())) == 1, f"no such line, or several: {machine.serial()[:2000]}")
    check(not re.search(SAYS_CONFINED, machine.serial()), "it says that devices are confined")


@test()
def a_card_that_goes_past_the_iommu_is_not_used():
    with Machine(Boot(machine="q35", iommu="intremap=on", nic="virtio-net-pci,disable-legacy=on")) as machine:
        machine.wait_serial(r"netsrv: virtio: the device goes past the IOMMU, so it is not used")
        machine.wait_serial(r"netsrv: no network device that this version drives")
        check("start it again" not in machine.serial(), "it is tried again, for nothing")


# ---- the attacks ----

HARMLESS = 0x8000000  # attacks.h: where the attacks go when there is no IOMMU, page by page
ORDER = ("honest-use", "write-kernel-code", "read-kernel-code", "write-low-memory", "write-task-memory",
         "read-task-memory", "write-high-memory", "write-beyond-memory", "used-ring-in-kernel", "write-past-own-page",
         "write-unpinned-page", "write-revoked-page", "unpinned-ring", "msix-table", "interrupt-by-vector",
         "interrupt-by-entry")
FORBIDDEN = {"write-kernel-code": 0x101000, "write-low-memory": 0x80000, "write-task-memory": 0x400000,
             "write-high-memory": 0xf000000}
INTERRUPTS = ("interrupt-by-vector", "interrupt-by-entry")
NEEDS_NO_IOMMU = ("msix-table",)  # devmgr keeps the table to itself on every machine
NOT_E1000E = ("used-ring-in-kernel",) + INTERRUPTS
# An ARP answer from QEMU's router to the address that evilnic uses: what its cards would write
FRAME = re.compile(rb"\x52\x55\x0a\x00\x02\x02\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02")


def evil_boot(cards, kind, **more):
    """netsrv's card first, on the forwarded network; then cards for evilnic, each on a network of its own."""
    extra = []
    for i in range(cards):
        extra += ["-netdev", f"user,id=evil{i}", "-device", f"{kind},netdev=evil{i},romfile="]
    return Boot(append=f"token={TOKEN}", extra=tuple(extra), **more)


def run_evil(machine):
    """Starts evilnic as an operator does; {attack: verdict} when it is done."""
    with machine.console() as session:
        session.login()
        session.ask("start evilnic")
        machine.wait_serial(r"evilnic: EVIL done", 60)
    return dict(re.findall(r"evilnic: EVIL \S+ (\S+) (\S+)$", machine.serial(), re.M))


def kernel_image():
    """[(physical address, bytes)] of the kernel's code and constants, which nothing writes after the build."""
    data = (BUILD / "kernel.elf").read_bytes()
    phoff, phentsize, phnum = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    parts = []
    for i in range(phnum):
        kind, flags, offset, _, physical, in_file, _, _ = struct.unpack_from("<IIQQQQQQ", data, phoff + i * phentsize)
        if kind == 1 and not flags & 2:
            parts.append((physical, data[offset:offset + in_file]))
    return parts


def check_untouched(machine):
    parts = kernel_image()
    check(sum(len(p) for _, p in parts) > 100_000, "kernel.elf has hardly any code")
    for address, expected in parts:
        check(machine.physical(address, len(expected)) == expected, f"the kernel's image at {address:#x} has changed")
    for name, address in FORBIDDEN.items():
        check(not FRAME.search(machine.physical(address, 4096)), f"{name}: a frame lies at {address:#x}")


def check_refused(machine, verdicts, attacks):
    for name in attacks:
        verdict = verdicts.get(name)
        if name == "honest-use":
            check(verdict == "works", f"honest use: {verdict}")
        elif name in INTERRUPTS:
            # QEMU (7.2) lets messages that name a vector through whatever the IOMMU is told, and does not tell it which
            # device a DMA write came from: hardware refuses both. Here: nothing worse than an interrupt too many.
            check(verdict in ("refused", "REACHED"), f"{name}: {verdict}")
        else:
            check(verdict == "refused", f"{name}: {verdict}; all: {verdicts}")


def check_reported(machine, caught):
    """Each caught card: one line of devmgr's, one event, one row in the list."""
    log = machine.serial()
    lines = re.findall(r"devmgr: device (\S+) \(network \S+\) wanted to (write to|read from) (0x[0-9a-f]+): nothing is "
                       r"pinned there .* QUARANTINED until the machine is restarted", log)
    check(len(lines) == caught and len({row[0] for row in lines}) == caught, f"{caught} were caught: {lines}")
    check(("write to", "0x101000") in {row[1:] for row in lines}, f"not told of: {lines}")
    answer = machine.ask("devices")
    rows = re.findall(r"^(\S+) +network .* quarantined$", answer, re.M)
    check(sorted(rows) == sorted(row[0] for row in lines), f"listed as quarantined: {rows}; told: {lines}")
    expect(rf"^{caught} quarantined", answer)
    expect(r"network .*netsrv", answer)


def asked_again(machine, text):
    """Services are being started anew: no answer is no failure yet."""
    try:
        return machine.ask(text)
    except (Failure, OSError):
        return ""


def attacked_and_refused(kind, nic, cards, left_out):
    attacks = [name for name in ORDER if name not in left_out]

    def function():
        with Machine(evil_boot(cards, nic, machine="q35", iommu="intremap=on", nic=VIRTIO)) as machine:
            machine.wait_console()
            verdicts = run_evil(machine)
            check_refused(machine, verdicts, attacks)
            check_untouched(machine)
            caught = [name for name in attacks if verdicts[name] == "refused"
                      and name not in NEEDS_NO_IOMMU + INTERRUPTS]
            check_reported(machine, len(caught))
            expect(r"10\.0\.2\.15", machine.ask("network"))  # the card beside them serves on
            before = task_ids(machine)["devmgr"]
            restart(machine, "devmgr")
            back_again(machine, "devmgr", before)
            wait_for(lambda: re.search(rf"^{len(caught)} quarantined", asked_again(machine, "devices"), re.M), 20,
                     "the quarantined devices in the list of a devmgr that was started anew", 0.3)
            check("PANIC" not in machine.serial(), "panic")
    function.__name__ = f"with_an_iommu_every_attack_of_{kind}_is_refused_reported_and_ends_in_quarantine"
    test()(function)


attacked_and_refused("virtio", VIRTIO, 14, ())
attacked_and_refused("e1000e", "e1000e", 12, NOT_E1000E)


def attacked_and_reached(kind, nic, left_out):
    """The control: nothing is wrong with the attacks themselves. One card does, for nobody takes it away."""
    def function():
        with Machine(evil_boot(1, nic)) as machine:
            machine.wait_console()
            empty = machine.physical(HARMLESS, 4096 * len(ORDER))
            check(not FRAME.search(empty), "a frame lies where none should yet")
            verdicts = run_evil(machine)
            memory = machine.physical(HARMLESS, 4096 * len(ORDER))
            check(verdicts.get("honest-use") == "works", f"honest use: {verdicts}")
            for i, name in enumerate(ORDER):
                if name in left_out + INTERRUPTS + ("honest-use",):
                    continue
                check(verdicts.get(name) == ("refused" if name in NEEDS_NO_IOMMU else "REACHED"),
                      f"{name}: {verdicts.get(name)}; all: {verdicts}")
                if name in FORBIDDEN:
                    check(FRAME.search(memory[4096 * i:4096 * (i + 1)]), f"{name} says REACHED, but no frame lies there")
            at = 4096 * ORDER.index("used-ring-in-kernel")
            check("used-ring-in-kernel" in left_out or memory[at:at + 16] != empty[at:at + 16],
                  "the card counted nothing in the page that was given as its ring")
            check("QUARANTINED" not in machine.serial(), "quarantined without an IOMMU")
    function.__name__ = f"without_an_iommu_the_same_attacks_of_{kind}_arrive"
    test()(function)


attacked_and_reached("virtio", "virtio-net-pci", ())
attacked_and_reached("e1000e", "e1000e", NOT_E1000E)


@test()
def a_fault_is_an_event_in_the_trace():
    with Machine(evil_boot(2, VIRTIO, machine="q35", iommu="intremap=on", nic=VIRTIO)) as machine:
        machine.wait_console()
        run_evil(machine)  # two cards: the rest of the attacks finds none, so the faults are among the last events
        dump = machine.ask("trace dump 1000")
        expect(r"IommuFault payload=0x101000", dump, "the trace")


@test()
def the_only_card_in_quarantine_is_given_to_nobody_and_the_system_lives_on():
    with Machine(Boot(append="evilnic", machine="q35", iommu="intremap=on", nic=VIRTIO)) as machine:
        machine.wait_serial(r"evilnic: EVIL virtio write-kernel-code refused", 60)
        machine.wait_serial(r"evilnic: EVIL - read-kernel-code no card: ERR_BAD_STATE")
        machine.wait_serial(r"devmgr: device \S+ is not given away: it is quarantined until the machine is restarted, it "
                            r"wanted to write to 0x101000")
        machine.wait_serial(r"evilnic: EVIL done")
        check(len(re.findall("QUARANTINED", machine.serial())) == 1, "told more than once")
        check_untouched(machine)
        check("PANIC" not in machine.serial(), "panic")

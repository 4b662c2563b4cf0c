"""After a panic: the record that a warm reset keeps, and what panic= says."""
import re
import subprocess
import tempfile
import time
from dataclasses import replace

from harness import BUILD, ROOT, TOKEN, Boot, Machine, check, expect, need, test, wait_for

RESETS = ("-action", "reboot=reset")  # after the harness's -no-reboot: the last one counts
DUMP = re.compile(r"^=== KERNEL PANIC.*?^=== SYSTEM HALTED ===\n", re.M | re.S)
WORDS = f"panictest=once token={TOKEN}"
ONCE = Boot(append=WORDS, extra=RESETS)


def dump_in(text, what):
    dumps = DUMP.findall(text + "\n")
    check(len(dumps) == 1, f"{what} has {len(dumps)} dumps: {text[-1500:]!r}")
    return dumps[0]


def wait_boots(machine, count, limit=240):
    """Until the kernel has started `count` times, and the console is there."""
    wait_for(lambda: machine.serial().count("kernel: TRustOs, started by") >= count, limit, f"start {count}", 0.2)
    machine.wait_console()


def panics_and_tells(machine):
    """Returns the text, which the serial port and `crash` have to the letter."""
    wait_boots(machine, 2)
    serial = dump_in(machine.serial(), "the serial port")
    check(serial.count("payload=") == 32, "not 32 events")
    expect(r"kernel: crash: the last run ended in a panic after \d+\.\d+ s: panictest on the boot line", machine.serial())
    answer = machine.ask("crash")
    expect(r"^The last run ended in a panic: panictest on the boot line$", answer)
    expect(r"had been up for .* [12] packets of the trace", answer)
    check(dump_in(answer, "`crash`") == serial, f"`crash` differs from the serial port:\n{answer}\n---\n{serial}")
    return serial


def tells_it(boot):
    def function():
        with Machine(boot) as machine:
            panics_and_tells(machine)
    return function


for _key, _boot in {"q35": replace(ONCE, machine="q35"), "10_mib": replace(ONCE, mem=10, initrd=str(BUILD / "services.tar")),
                    "5_gib": replace(ONCE, machine="q35", mem=5120)}.items():
    _function = tells_it(_boot)
    _function.__name__ = f"the_record_survives_a_warm_reset[{_key}]"
    test()(_function)


def through_grub(how):
    """The ISO with another boot line."""
    need(BUILD / "kernel.elf", BUILD / "services-test.tar")
    with tempfile.TemporaryDirectory(prefix="trustos-crash-") as folder:
        config = (ROOT / "boot/grub.cfg").read_text().replace("@BOOT@", WORDS)
        with open(f"{folder}/grub.cfg", "w") as file:
            file.write(config)
        subprocess.run([ROOT / "boot/iso.sh", f"{folder}/grub.cfg", BUILD / "kernel.elf", BUILD / "services-test.tar",
                        f"{folder}/crash.iso"], check=True, cwd=ROOT)
        with Machine(replace(ONCE, how=how, iso=f"{folder}/crash.iso")) as machine:
            panics_and_tells(machine)


@test()
def the_record_survives_a_warm_reset_through_grub_with_bios():
    through_grub("iso")


@test()
def the_record_survives_a_warm_reset_through_grub_with_uefi():
    through_grub("uefi")


@test()
def the_record_stays_until_an_operator_clears_it():
    with Machine(ONCE) as machine:
        text = panics_and_tells(machine)
        machine.monitor("system_reset")
        wait_boots(machine, 3)
        check(dump_in(machine.ask("crash"), "`crash` after a reset") == text, "another text after the second reset")
        expect("lacks|CONTROL|operator", machine.ask("crash clear"))
        expect(r"^The last run ended in a panic", machine.ask("crash"), "an observer cleared it; crash")
        with machine.console() as console:
            console.login()
            expect(r"The crash record is gone", console.ask("crash clear"))
            expect(r"There is no crash record", console.ask("crash"))
            expect(r"There is no crash record", console.ask("crash clear"))
        machine.monitor("system_reset")
        machine.wait_serial(r"(?s)=== KERNEL PANIC.*=== KERNEL PANIC")  # once: there was no record any more


@test()
def a_power_cycle_leaves_no_record():
    with Machine(ONCE) as machine:
        machine.wait_serial(r"the last run ended in a panic")
    with Machine(ONCE) as machine:
        machine.wait_serial(r"^=== SYSTEM HALTED ===$")
        check("the last run ended" not in machine.serial(), "a record in fresh memory")


@test()
def a_machine_that_never_panicked_has_no_record():
    with Machine(Boot()) as machine:
        machine.wait_console()
        expect(r"There is no crash record", machine.ask("crash"))
        expect(r"Il n'y a pas de rapport de plantage", machine.ask("montre le rapport de plantage"))
        expect(r'^\{"crash":\{"found":false\}\}$', machine.ask("crash --json"))


@test()
def a_record_with_a_flipped_bit_is_none():
    with Machine(replace(ONCE, append=WORDS + " log=debug")) as machine:
        machine.wait_serial(r"=== REBOOT IN 5 s ===")
        place = int(expect(r"crash: a record would lie at ([0-9a-f]+)", machine.serial())[1], 16)
        record = machine.physical(place, 16384)
        check(record[:8] == b"CRASHCRD", f"no record at {place:x}: {record[:16]!r}")
        machine.qmp("stop")
        image = bytearray(record)
        image[400] ^= 4
        write_memory(machine, place, image)
        machine.qmp("cont")
        machine.wait_serial(r"(?s)=== KERNEL PANIC.*=== KERNEL PANIC")  # once: there is no record
        check("the last run ended" not in machine.serial(), "a broken record was taken")


def write_memory(machine, address, image):
    """Through QEMU's gdb stub: the monitor only reads."""
    import socket
    path = f"{machine.folder}/gdb"
    machine.monitor(f"gdbserver unix:{path},server=on,wait=off")
    with socket.socket(socket.AF_UNIX) as gdb:
        gdb.connect(path)
        gdb.settimeout(60)

        def send(text):
            gdb.sendall(f"${text}#{sum(text.encode()) & 255:02x}".encode())
            got = b""
            while not re.search(rb"\$[^#]*#..", got):
                got += gdb.recv(4096)
            gdb.sendall(b"+")
            return re.search(rb"\$([^#]*)#", got)[1]
        check(send("Qqemu.PhyMemMode:1") == b"OK", "no physical memory by gdb")
        for at in range(0, len(image), 512):
            part = image[at:at + 512]
            check(send(f"M{address + at:x},{len(part):x}:{part.hex()}") == b"OK", "gdb does not write")
        gdb.sendall(b"$D#44")


@test()
def panic_off_powers_off_and_an_unknown_word_reboots():
    for words, said in (("panic=off", ""), ("panic=explode", "=== REBOOT IN 5 s ===")):
        with Machine(Boot(append=f"panictest {words}")) as machine:
            wait_for(lambda: machine.process.poll() is not None, 120, f"the end of QEMU with {words}")
            expect(r"^=== SYSTEM HALTED ===$", machine.serial())
            check(said in machine.serial() if said else "REBOOT" not in machine.serial(), machine.serial()[-300:])
            if said:
                expect(r"panic=explode is none of reboot, halt, off", machine.serial())


@test()
def a_panic_in_the_panic_ends_at_once_and_leaves_what_was_said():
    with Machine(Boot(append=f"panictest=twice token={TOKEN}", extra=RESETS)) as machine:
        wait_boots(machine, 2)
        serial = machine.serial()
        expect(r"^=== PANIC WHILE PANICKING ===$", serial)
        check(serial.count("=== KERNEL PANIC") == 1 and "REBOOT IN" not in serial, "it waited or went on")
        answer = machine.ask("crash")
        said = answer[answer.index("=== KERNEL PANIC"):].rstrip("\n")
        check(said in serial and said.splitlines()[-1].startswith("cpu 0 task"), f"not what was said: {said!r}")


@test()
def a_panic_in_the_panic_halts_when_told():
    with Machine(Boot(append="panictest=twice panic=halt")) as machine:
        machine.wait_serial(r"^=== PANIC WHILE PANICKING ===\n=== SYSTEM HALTED ===$")
        time.sleep(7)
        check(machine.serial().rstrip().endswith("=== SYSTEM HALTED ==="), "something comes after the end")
        check(machine.process.poll() is None, "it did not stay halted")


def interrupt_the_idle_loop(machine):
    """An NMI while the CPU halts in the kernel: it is looked at while it stands still, or it could be elsewhere by then."""
    def halted():
        machine.monitor("stop")
        if "HLT=1" in machine.monitor("info registers"):
            return True
        machine.monitor("cont")
        return False
    wait_for(halted, 60, "the kernel's idle loop", 0.01)
    machine.monitor("nmi")
    machine.monitor("cont")


@test()
def an_exception_in_the_kernel_is_told_with_its_registers_and_kept():
    with Machine(Boot(extra=RESETS)) as machine:
        machine.wait_console()
        interrupt_the_idle_loop(machine)
        wait_boots(machine, 2)
        serial = dump_in(machine.serial(), "the serial port")
        expect(r"^=== KERNEL PANIC: exception 2 in the kernel, address 0x", serial)
        expect(r"^vector 2 error 0x0$", serial)
        rip = expect(r"^rip ([0-9a-f]{16}) cs 0008", serial)[1]
        expect(rf"^  #0 0x{rip} \w+\+0x", serial, "the backtrace")
        check(dump_in(machine.ask("crash"), "`crash`") == serial, "`crash` differs from the serial port")

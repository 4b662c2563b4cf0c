"""The ISO as a USB stick, and `make usb`, which writes one (tools/usb.sh): on fakes of /sys, /proc and /dev, no disk."""
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from harness import BUILD, ROOT, Boot, check, expect, need, test, test_each

SCRIPT = ROOT / "tools/usb.sh"
STICK_BYTES = 8 << 20


@test_each(bios=Boot(how="usb"), uefi=Boot(how="usb-uefi", machine="q35"))
def the_iso_on_a_usb_stick_starts_a_machine_whose_console_answers(machine):
    expect(r"\bup\b", machine.ask("status"))


class Fake:
    """A folder that stands for /: a stick sdz with one partition, and an image to write."""

    def __init__(self, folder):
        self.root = Path(folder)
        self.image = self.root / "image"
        self.image.write_bytes(os.urandom(3 << 20))
        self.stick = self.write("dev/sdz", "\0" * STICK_BYTES)
        for name, text in {"dev": "8:240", "size": STICK_BYTES // 512, "removable": 1, "ro": 0,
                           "device/vendor": "Acme", "device/model": "Stick 8", "sdz1/dev": "8:241"}.items():
            self.write(f"sys/block/sdz/{name}", f"{text}\n")
        self.write("sys/class/block/sdz1/partition", "1\n")
        self.write("dev/sdz1", "")
        self.write("proc/self/mountinfo", "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n")
        self.write("proc/swaps", "Filename Type Size Used Priority\n/dev/vda2 partition 1000 0 -2\n")

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, device="/dev/sdz"):
        return subprocess.Popen([SCRIPT, self.image, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env={**os.environ, "ROOT": str(self.root)})

    def run(self, answer="sdz\n", device="/dev/sdz"):
        process = self.start(device)
        output = process.communicate(answer, timeout=60)[0]
        return process.returncode, output

    def untouched(self):
        return self.stick.read_bytes() == bytes(STICK_BYTES)

    def refuses(self, pattern, **arguments):
        status, output = self.run(**arguments)
        expect(pattern, output, "what make usb said")
        expect("nothing was written", output)
        check(status != 0, "it ended with status 0")
        check(self.untouched(), "it has written")


@contextmanager
def fake():
    with tempfile.TemporaryDirectory(prefix="trustos-usb-") as folder:
        yield Fake(folder)


@test()
def usb_writes_the_image_to_a_removable_disk_whose_name_was_typed_and_nothing_behind_it():
    with fake() as f:
        status, output = f.run()
        check(status == 0, f"it failed: {output}")
        expect("Acme Stick 8", output)
        image, stick = f.image.read_bytes(), f.stick.read_bytes()
        check(stick == image + bytes(STICK_BYTES - len(image)), "the stick does not hold the image, or more than that")


@test()
def usb_refuses_another_answer_than_the_devices_name():
    with fake() as f:
        for answer in ("", "\n", "y\n", "yes\n", "sdy\n", "/dev/sdz\n"):
            f.refuses("the answer is not sdz", answer=answer)


@test()
def usb_refuses_what_is_mounted_swapped_to_or_held():
    cases = {"/media/a": ("proc/self/mountinfo", "30 1 8:241 / /media/a rw - vfat /dev/other rw\n"),
             "/media/b": ("proc/self/mountinfo", "30 1 0:50 / /media/b rw shared:3 - btrfs /dev/sdz1 rw\n"),
             "/media/c": ("proc/self/mountinfo", "30 1 8:240 / /media/c rw - iso9660 /dev/sdz ro\n"),
             "swap space": ("proc/swaps", "Filename Type\n/dev/sdz1 partition 1 0 -2\n"),
             "used by dm-0": ("sys/block/sdz/sdz1/holders/dm-0", "")}
    for pattern, (path, text) in cases.items():
        with fake() as f:
            f.write(path, text)
            f.refuses(f"in use .*{pattern}")


@test()
def usb_refuses_what_is_no_whole_removable_writable_disk_of_enough_size():
    cases = {"not removable": ("removable", "0\n"), "write-protected": ("ro", "1\n"),
             "has 512 bytes, the image": ("size", "1\n"), "has 0 bytes, the image": ("size", "")}
    for pattern, (name, text) in cases.items():
        with fake() as f:
            f.write(f"sys/block/sdz/{name}", text)
            f.refuses(pattern)
    with fake() as f:
        f.refuses("is a partition", device="/dev/sdz1")
        f.refuses("Say DEV=/dev/sdX", device="")
        f.refuses("is no disk", device="/dev/nothing")
        f.refuses("not in /dev", device="sdz")
        f.refuses("is no disk", device="/dev/../dev/sdz")


@test()
def usb_looks_again_after_the_answer():
    cases = {"in use": ("proc/self/mountinfo", "30 1 8:241 / /media/a rw - vfat /dev/sdz1 rw\n"),
             "another disk": ("sys/block/sdz/device/model", "Archive\n")}
    for pattern, (path, text) in cases.items():
        with fake() as f:
            process, asked = f.start(), ""
            while not asked.endswith("to go on: "):
                asked += process.stdout.read(1) or check(False, f"it ended: {asked}")
            f.write(path, text)
            output = process.communicate("sdz\n", timeout=60)[0]
            expect(pattern, output, "what make usb said")
            check(process.returncode != 0 and f.untouched(), "it has written")


@test()
def usb_takes_no_plain_file_for_a_disk():
    need(BUILD / "trustos.iso")
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as plain:
        plain.truncate(STICK_BYTES)
        done = subprocess.run([SCRIPT, BUILD / "trustos.iso", plain.name], input="x\n", capture_output=True, text=True)
        check(done.returncode != 0 and Path(plain.name).read_bytes() == bytes(STICK_BYTES), f"it wrote: {done}")
        expect("is no disk", done.stderr)

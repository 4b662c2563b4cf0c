"""A debugger's hand inside the machine: QEMU's gdb stub, as far as tests need it (the remote protocol of gdb's manual, appendix E;
registers are numbered as in gdb's 64bit-core.xml)."""
import socket
import subprocess

from harness import BUILD, SCALE, check

RSI, RDI, RSP, RIP, RFLAGS = 4, 5, 7, 16, 17
INTERRUPTS = 1 << 9


def symbols():
    rows = subprocess.run(["nm", BUILD / "kernel.elf"], capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: int(address, 16) for address, _, name in (row.split() for row in rows if len(row.split()) == 3)}


class Stub:
    """The machine stands still as long as it is connected, unless told to go on."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30 * SCALE)
        self.socket.connect(path)
        self.held = b""
        self.ask("?", stops=True)
        self.ask("qXfer:features:read:target.xml:0,ffb")  # without it QEMU refuses single registers

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) % 256))

    def answer(self):
        while b"#" not in self.held or len(self.held) < self.held.index(b"#") + 3:
            piece = self.socket.recv(4096)
            check(piece, "QEMU's gdb stub closed")
            self.held += piece
        text = self.held[self.held.index(b"$") + 1:self.held.index(b"#")].decode()
        self.held = self.held[self.held.index(b"#") + 3:]
        self.socket.sendall(b"+")
        return text

    def ask(self, text, stops=False):
        """The answer; QEMU also tells on its own that the machine stopped when somebody connects."""
        self.send(text)
        while True:
            answer = self.answer()
            if answer.startswith("T") == stops:
                return answer

    def must(self, text):
        answer = self.ask(text)
        check(answer == "OK", f"gdb stub: {text}: {answer!r}")

    def read(self, address, size):
        return int.from_bytes(bytes.fromhex(self.ask(f"m{address:x},{size:x}")), "little")

    def write(self, address, value, size=8):
        self.must(f"M{address:x},{size:x}:{value.to_bytes(size, 'little').hex()}")

    def registers(self):
        """All, as one text; and those that matter here."""
        text = self.ask("g")
        return text, lambda n: int.from_bytes(bytes.fromhex(text[16 * n:16 * n + 16]), "little")

    def set(self, number, value, size=8):
        self.must(f"P{number:x}={value.to_bytes(size, 'little').hex()}")

    def call(self, function, *arguments):
        """The processor, which sleeps in the kernel, runs a function when something wakes it, and is then as it was."""
        back = self.registers()[1](RIP)
        self.must(f"Z1,{back:x},1")
        self.wait_stop()
        before, register = self.registers()
        stack = (register(RSP) - 256 & ~15) - 8
        self.write(stack, back)
        for number, value in zip((RDI, RSI), arguments):
            self.set(number, value)
        self.set(RSP, stack)
        self.set(RIP, function)
        self.set(RFLAGS, int.from_bytes(bytes.fromhex(before[272:280]), "little") & ~INTERRUPTS, 4)
        self.wait_stop()
        self.must(f"z1,{back:x},1")
        self.must("G" + before)

    def wait_stop(self):
        stopped = self.ask("c", stops=True)
        check(stopped.startswith("T05"), f"it stopped for another reason: {stopped}")

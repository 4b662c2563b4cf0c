"""Boots TRustOs in QEMU and talks to it over TCP.  Python's standard library only.

Every wait here is a hang detector, never a measurement: its limit is generous and TIMEOUT_SCALE stretches all of them
for a slow machine.  A Machine always kills its QEMU, also when the runner itself is killed."""
import collections
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TRUSTOS_BUILD", ROOT / "build"))
QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
SCALE = float(os.environ.get("TIMEOUT_SCALE", "1"))
TOKEN = "tests-token-4711"

CONSOLE, AGENT, TRACE, LIVE, ECHO, DISCARD, CHARGEN, IPERF, TRACEGEN = 2323, 2324, 2325, 2326, 7, 9, 19, 5001, 4001
SERVICES = ("devmgr", "netsrv", "jarvis", "rconsole", "tracer")
PROMPT = re.compile(rb"(?:^|\n)[^\r\n]{0,24}> ?$")


class Failure(AssertionError):
    """A promise that does not hold."""


class Skip(Exception):
    """What the test needs is not on this machine or not in this build."""


def check(condition, text):
    if not condition:
        raise Failure(text)


@dataclass(frozen=True)
class Boot:
    """How a machine is put together; equal ones may share one boot."""
    append: str = ""
    how: str = "kernel"  # kernel; by GRUB with BIOS or OVMF: iso and uefi (CD), usb and usb-uefi (stick), net and net-uefi
    mem: int = 256
    cpus: int = 1
    accel: str = "tcg"
    machine: str = "pc"
    cpu: str = "qemu64"
    nic: str = "virtio-net-pci"
    net: str = "user"  # user, peer (a tests/system/peer.py on the other end of the wire), wire (user behind a wire.py), none
    iommu: str = ""  # options of an intel-iommu, as "intremap=on" (machine q35); it must stand before the devices
    icount: bool = False
    kernel: str = ""  # another kernel and initrd than ours: the rival's
    initrd: str = ""
    iso: str = ""  # another ISO than build/trustos.iso
    tftp: str = ""  # the folder that QEMU's user network serves, and the boot file in it that its DHCP names (net, net-uefi)
    bootfile: str = ""
    forwards: tuple = (CONSOLE, AGENT, TRACE, LIVE, ECHO, DISCARD, CHARGEN, IPERF, TRACEGEN)
    extra: tuple = ()

    def what(self):
        default = Boot()
        return " ".join(f"{k}={v}" for k, v in vars(self).items() if v != getattr(default, k)) or "plain"


def arguments(boot, folder, peer_port=0):
    """QEMU's command line for `boot`; sockets and logs go into `folder`."""
    line = [QEMU, "-accel", boot.accel, "-M", boot.machine, "-cpu", boot.cpu, "-m", str(boot.mem), "-smp", str(boot.cpus)]
    line += ["-display", "none", "-no-reboot", "-serial", f"file:{folder}/serial.log"]
    line += ["-qmp", f"unix:{folder}/qmp,server=on,wait=off"]
    if boot.icount:
        line += ["-icount", "shift=0,sleep=off"]
    line += boot_arguments(boot, folder)
    if boot.iommu:
        line += ["-device", f"intel-iommu,{boot.iommu}"]
    line += network_arguments(boot, peer_port)
    rom = "" if boot.how.startswith("net") else ",romfile="
    line += ["-device", f"{boot.nic},netdev=n0{rom}"] if boot.net != "none" else ["-nic", "none"]
    return line + list(boot.extra)


def network_arguments(boot, peer_port):
    user = "user" + "".join(f",hostfwd=tcp:127.0.0.1:0-:{port}" for port in boot.forwards)
    peer = f"socket,connect=127.0.0.1:{peer_port}"
    if boot.tftp:
        user += f",tftp={boot.tftp},bootfile={boot.bootfile}"
    if boot.net == "user":
        return ["-netdev", f"{user},id=n0"]
    if boot.net == "peer":
        return ["-netdev", f"{peer},id=n0"]
    if boot.net == "wire":  # two connections to it; a hub joins the first with the user network
        return ["-netdev", f"{user},id=u0", "-netdev", f"{peer},id=w0", "-netdev", "hubport,hubid=1,netdev=u0,id=h0",
                "-netdev", "hubport,hubid=1,netdev=w0,id=h1", "-netdev", f"{peer},id=n0"]
    return []


def boot_arguments(boot, folder):
    if boot.how == "kernel":
        kernel = boot.kernel or str(BUILD / "kernel.elf")
        initrd = boot.initrd or str(BUILD / "services-test.tar")
        need(kernel, initrd)
        return ["-nodefaults", "-vga", "none", "-kernel", kernel, "-initrd", initrd, "-append", boot.append]
    return medium_arguments(boot) + (uefi_arguments(folder) if boot.how.endswith("uefi") else [])


def medium_arguments(boot):
    if boot.how.startswith("net"):  # an OVMF of 2024 or later has no network without a source of randomness
        return ["-boot", "n"] + (["-device", "virtio-rng-pci"] if boot.how.endswith("uefi") else [])
    iso = boot.iso or str(BUILD / "trustos.iso")
    need(iso)
    if boot.how.startswith("usb"):
        return ["-drive", f"if=none,id=stick,file={iso},format=raw,readonly=on", "-device", "qemu-xhci",
                "-device", "usb-storage,drive=stick,bootindex=0"]
    return ["-cdrom", iso, "-boot", "d"]


def uefi_arguments(folder):
    shutil.copy(firmware("OVMF_VARS_4M.fd", "OVMF_VARS.fd"), f"{folder}/vars.fd")
    code = firmware("OVMF_CODE_4M.fd", "OVMF_CODE.fd")
    return ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={folder}/vars.fd"]


def firmware(*names):
    for name in names:
        if Path("/usr/share/OVMF", name).exists():
            return f"/usr/share/OVMF/{name}"
    raise Skip("no OVMF on this machine (apt-get install ovmf)")


def need(*paths):
    for path in paths:
        if not Path(path).exists():
            raise Failure(f"{path} is not built (make images)")


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Machine:
    """One QEMU.  Use as a context manager; `ports` maps guest ports to host ports."""

    def __init__(self, boot, peer_port=0):
        self.boot = boot
        self.folder = tempfile.mkdtemp(prefix="trustos-test-")
        self.started = time.monotonic()
        self.ports, self.process, self.qmp_file = {}, None, None
        try:
            self.launch(peer_port)
        except BaseException:
            self.close()
            raise

    def launch(self, peer_port):
        line = arguments(self.boot, self.folder, peer_port)
        with open(f"{self.folder}/qemu.log", "wb") as log:
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)
        self.connect_qmp()
        if self.boot.net in ("user", "wire"):
            for row in self.monitor("info usernet").splitlines():
                m = re.search(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)", row)
                if m:
                    self.ports[int(m[2])] = int(m[1])

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error:
            error.story = self.story()
        self.close()

    def story(self):
        """For a report: how it was booted, and what it said."""
        return self.boot.what(), self.serial() or self.qemu_log()

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- QEMU's monitor ----
    def connect_qmp(self):
        def attempt():
            check(self.process.poll() is None, f"QEMU ended: {self.qemu_log()}")
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(f"{self.folder}/qmp")
            except OSError:
                s.close()
                return None
            return s
        s = wait_for(attempt, 60, "QEMU's monitor socket", 0.01)
        s.settimeout(60 * SCALE)
        self.qmp_file = s.makefile("rwb")
        self.qmp_file.readline()
        self.qmp("qmp_capabilities")

    def qmp(self, command, **arguments):
        message = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self.qmp_file.write(json.dumps(message).encode() + b"\n")
        self.qmp_file.flush()
        while True:
            row = self.qmp_file.readline()
            check(row, f"QEMU ended: {self.qemu_log()}")
            answer = json.loads(row)
            if "error" in answer:
                raise Failure(f"QEMU monitor: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def monitor(self, text):
        return self.qmp("human-monitor-command", **{"command-line": text})

    def physical(self, address, size):
        """The machine's memory, past the guest."""
        path = Path(self.folder, "memory")
        self.qmp("pmemsave", val=address, size=size, filename=str(path))
        return path.read_bytes()

    def qemu_log(self):
        return Path(self.folder, "qemu.log").read_text(errors="replace")

    # ---- what it says and uses ----
    def serial(self):
        try:
            return Path(self.folder, "serial.log").read_bytes().decode("utf-8", "replace").replace("\r", "")
        except FileNotFoundError:
            return ""

    def wait_serial(self, pattern, limit=120):
        """Waits until the serial log matches; returns the match."""
        def attempt():
            m = re.search(pattern, self.serial(), re.M)
            if not m:
                check(self.process.poll() is None or re.search(pattern, self.serial(), re.M),
                      f"QEMU ended while waiting for /{pattern}/")
            return m
        return wait_for(attempt, limit, f"/{pattern}/ on the serial line", 0.1)

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kib(self):
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])

    # ---- talking to it ----
    def connect(self, port, limit=30):
        return Connection(self.ports[port], limit)

    def wait_port(self, port, talk, limit=180):
        """Connects anew until `talk(connection)` is true: QEMU's user network accepts before the guest listens."""
        patience = [0.3]

        def attempt():
            check(self.process.poll() is None, f"QEMU ended: {self.qemu_log()}")
            patience[0] = min(patience[0] * 1.5, 5)
            try:
                with self.connect(port, patience[0] / SCALE) as c:
                    return talk(c)
            except (OSError, Failure):
                return False
        return wait_for(attempt, limit, f"port {port}", 0.05)

    def wait_console(self, limit=180):
        self.wait_port(CONSOLE, lambda c: c.read_until(PROMPT), limit)
        return self

    def wait_echo(self, limit=180):
        def talk(c):
            c.send(b"w")
            return c.read_exactly(1) == b"w"
        self.wait_port(ECHO, talk, limit)
        return self

    def connect_many(self, port, count):
        """`count` connections open at once. A pause between them: QEMU's own backlog holds one, and the host repeats a
        lost SYN only after a second."""
        many = []
        for _ in range(count):
            many.append(self.connect(port))
            time.sleep(0.01)
        return many

    def console(self, limit=60):
        """A session. Those of a test before may take a moment to end: a full house is asked again."""
        end = time.monotonic() + 10 * SCALE
        while True:
            try:
                return Console(self.ports[CONSOLE], limit)
            except Failure as error:
                if "in use" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def ask(self, text, limit=60):
        """One request in a session of its own."""
        with self.console(limit) as c:
            return c.ask(text)

    def once(self, data, port=CONSOLE, limit=60):
        """Like `printf data | nc -N`: sends, half-closes and reads to the end."""
        with self.connect(port, limit) as c:
            c.send(data)
            c.shut()
            return c.read_all()


class Connection:
    def __init__(self, port, limit=30):
        self.socket = socket.create_connection(("127.0.0.1", port), limit * SCALE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.limit, self.held = limit * SCALE, b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST in place of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def shut(self):
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def receive(self, limit=None):
        self.socket.settimeout(self.limit if limit is None else limit * SCALE)
        return self.socket.recv(65536)

    def read_until(self, pattern, limit=None):
        """Reads until what was received matches (bytes or compiled expression); returns all of it up to the match's
        end."""
        pattern = pattern if hasattr(pattern, "search") else re.compile(re.escape(pattern))
        end = time.monotonic() + (self.limit if limit is None else limit * SCALE)
        while True:
            m = pattern.search(self.held)
            if m:
                got, self.held = self.held[:m.end()], self.held[m.end():]
                return got
            left = end - time.monotonic()
            try:
                data = self.receive(max(left, 0.01) / SCALE)
            except TimeoutError:
                raise Failure(f"no /{pattern.pattern!r}/ came; the last 300 bytes: {self.held[-300:]!r}") from None
            if not data:
                raise Failure(f"closed before /{pattern.pattern!r}/; the last 300 bytes: {self.held[-300:]!r}")
            self.held += data

    def read_exactly(self, n):
        while len(self.held) < n:
            data = self.receive()
            check(data, f"closed after {len(self.held)} of {n} bytes")
            self.held += data
        got, self.held = self.held[:n], self.held[n:]
        return got

    def read_all(self):
        while True:
            try:
                data = self.receive()
            except TimeoutError:
                raise Failure(f"the other side does not close; it sent {self.held[-300:]!r}") from None
            if not data:
                got, self.held = self.held, b""
                return got
            self.held += data


class Console(Connection):
    """A session on the text console: greeting read, prompt waited for."""

    def __init__(self, port, limit=60):
        super().__init__(port, limit)
        try:
            self.greeting = self.read_until(PROMPT).decode()
        except BaseException:
            self.close()
            raise

    def ask(self, text, limit=None):
        self.send(text + "\n")
        answer = self.read_until(PROMPT, limit).decode("utf-8", "replace").replace("\r", "")
        return answer.rsplit("\n", 1)[0].strip("\n") if "\n" in answer else ""

    def login(self):
        answer = self.ask(f"login {TOKEN}")
        check(re.search("operator", answer, re.I), f"login did not make an operator: {answer!r}")
        return self


def expect(pattern, text, what="the answer"):
    """The match of `pattern` (any case, lines) in text; a Failure that shows the text when there is none."""
    m = re.search(pattern, text, re.I | re.M)
    check(m, f"{what} does not match /{pattern}/: {text[:600]!r}")
    return m


def wait_for(attempt, limit, what, pause=0.1):
    """Calls attempt() until it returns something true."""
    end = time.monotonic() + limit * SCALE
    while True:
        result = attempt()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure(f"waited {limit * SCALE:.0f} s for {what}")
        time.sleep(pause)


def median(values):
    return statistics.median(values)


# ---- the tests' register ----
Test = collections.namedtuple("Test", "name function boot fresh file")
TESTS = []


def test(boot=None, fresh=False):
    """Marks a test.  With `boot` it gets a Machine with the console up; tests with an equal Boot share one unless
    `fresh`.  Without, it gets nothing and boots for itself."""
    def mark(function):
        file = Path(function.__code__.co_filename).stem
        TESTS.append(Test(function.__name__, function, boot, fresh, file))
        return function
    return mark


def test_each(**boots):
    """The same test on several machines: name[kernel], name[iso], …"""
    def mark(function):
        file = Path(function.__code__.co_filename).stem
        for key, boot in boots.items():
            TESTS.append(Test(f"{function.__name__}[{key}]", function, boot, False, file))
        return function
    return mark

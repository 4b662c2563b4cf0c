"""`make run`, as a person at a terminal sees it (tools/run.sh, which it calls when the image is built)."""
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

from harness import BUILD, ROOT, SCALE, Connection, Failure, check, expect, need, test, wait_for

SCRIPT = ROOT / "tools/run.sh"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return numbers


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, words, **variables):
        master, slave = pty.openpty()
        self.fd, self.text = master, ""
        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT,
                                        env={**os.environ, **variables}, start_new_session=True)
        os.close(slave)

    def read(self, limit):
        if select.select([self.fd], [], [], limit)[0]:
            try:
                self.text += os.read(self.fd, 65536).decode(errors="replace").replace("\r", "")
            except OSError:
                pass
        return self.text

    def wait(self, pattern, limit=120):
        return wait_for(lambda: re.search(pattern, self.read(0.1), re.M), limit, f"/{pattern}/ on the terminal", 0)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.fd)


def run_and_leave(mode, **variables):
    need(SCRIPT, BUILD / "trustos.iso", BUILD / "kernel.elf")
    console, agent, trace = free_ports(3)
    with Terminal([str(SCRIPT), mode], CONSOLE=str(console), AGENT=str(agent), TRACE=str(trace), **variables) as t:
        t.wait(rf"nc 127\.0\.0\.1 {console}\b")
        t.wait(r"^\[ *\d+\.\d+\] ", 180)

        def attempt():
            t.read(0)
            try:
                with Connection(console, 3) as c:
                    c.send("status\n")
                    c.shut()
                    return c.read_all()
            except (OSError, Failure):
                return None
        answer = wait_for(attempt, 180, "the console that `make run` names", 0.2)
        if "NODES" in variables:
            t.wait(rf"kernel: {variables['NODES']} nodes: ")
        expect(r"\bup\b|uptime", answer.decode())
        os.write(t.fd, b"\x01x")
        end = time.monotonic() + 30 * SCALE
        while t.process.poll() is None and time.monotonic() < end:
            t.read(0.1)
        check(t.process.poll() is not None, "Ctrl-A X does not leave")


@test()
def make_run_says_how_to_connect_and_ctrl_a_x_leaves():
    run_and_leave("iso")


@test()
def make_run_takes_its_variables():
    run_and_leave("kernel", MEM="128", CPUS="3", NODES="2", MACHINE="q35", BOOT="nopoll", QEMU_EXTRA="-name tested")


@test()
def make_run_refuses_wrong_variables_with_one_line():
    for name, value in (("MEM", "lots"), ("CPUS", "0"), ("NODES", "2"), ("NODES", "9"), ("MACHINE", "vax"), ("NIC", "ne2000"), ("CONSOLE", "70000")):
        done = subprocess.run([SCRIPT, "check"], cwd=ROOT, env={**os.environ, name: value}, capture_output=True,
                              text=True)
        check(done.returncode, f"{name}={value} was taken")
        check(len(done.stderr.splitlines()) == 1 and name in done.stderr, f"{name}={value}: {done.stderr!r}")

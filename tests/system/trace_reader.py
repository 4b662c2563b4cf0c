"""Reading the trace's ports: what came, and what the kernel itself tells of its events. For test_trace*.py."""
import json
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from harness import ECHO, SCALE, TRACE, TRACEGEN, Skip, check

TRACEGEN_LISTENS = r"tracegen\b.*listening"
PACKET_MAGIC = struct.pack("<I", 0xC1FC1FC1)


class Stream:
    """What came over the connection: packets, their events by number and time."""
    def __init__(self, data):
        self.packets, self.raw, self.metadata, at = [], [], b"", 0
        while at + 80 <= len(data):
            magic, = struct.unpack_from("<I", data, at)
            if magic == 0x75D11D57:
                content, size = (bits // 8 for bits in struct.unpack_from("<II", data, at + 24))
                self.metadata += data[at + 37:at + content]
            else:
                check(magic == 0xC1FC1FC1, f"no packet at {at}: {data[at:at + 16].hex()}")
                begin, end, content, size, number, lost, cpu = struct.unpack_from("<7Q", data, at + 24)
                content, size = content // 8, size // 8
                if at + size > len(data):
                    break  # the last one is cut
                self.raw.append(data[at:at + size])
                self.packets.append((begin, end, number, lost, cpu, data[at + 80:at + content]))
            at += size
        text = self.metadata.decode()
        bits = {name: int(size) for size, name in re.findall(r"integer \{ size = (\d+);[^}]*\} := (\w+);", text) +
                re.findall(r"enum : u(\d+) \{[^}]*\} := (\w+);", text)}
        rows = re.findall(r"event \{.*?; id = (\d+); name = \"(\w+)\".*?struct \{(.*?)\}", text)
        self.ids = {name: int(number) for number, name, _ in rows}
        self.words = {int(number): sum(bits[kind] for kind in re.findall(r"(\w+) _\w+;", fields)) // 64
                      for number, _, fields in rows}

    def events(self):
        """(number since the reader came, ns, id): lost ones are counted."""
        out, number, known = [], 0, 0
        sizes = [1 + self.words.get(n, 0) for n in range(1 << 16)]
        for begin, _, _, lost, _, body in self.packets:
            number, known, at = number + lost - known, lost, 0
            words = memoryview(body).cast("Q")
            while at < len(words):
                word = words[at]
                out.append((number, begin + ((word >> 16) - begin & (1 << 48) - 1), word & 0xFFFF))
                number, at = number + 1, at + sizes[word & 0xFFFF]
            check(at == len(words), "an event goes past its packet")
        return out

    def lost(self):
        """Events, as the last packet tells."""
        return self.packets[-1][3]

    def gaps(self):
        """Packets, by the gaps in their numbers."""
        return sum(b[2] - a[2] - 1 for a, b in zip(self.packets, self.packets[1:]))

    def generated(self):
        """The numbers of tracegen's events, as they came."""
        out, sizes = [], [1 + self.words.get(n, 0) for n in range(1 << 16)]
        for packet in self.packets:
            words, at = memoryview(packet[5]).cast("Q"), 0
            while at < len(words):
                kind = words[at] & 0xFFFF
                if kind == self.ids["user_event"]:
                    check(words[at + 1] >> 32 == words[at + 2] & 0xFFFFFFFF, "the two words of an event differ")
                    out.append(words[at + 2])
                at += sizes[kind]
        return out


class Reader(threading.Thread):
    """Reads a port to the end, or until told to stop."""

    def __init__(self, machine, port=TRACE, first=b"", sock=None):
        super().__init__(daemon=True)
        self.socket = sock or socket.create_connection(("127.0.0.1", machine.ports[port]), 30 * SCALE)
        self.socket.sendall(first)
        self.data, self.stopped = bytearray(), False
        self.start()

    def run(self):
        self.socket.settimeout(0.1)
        while not self.stopped:
            try:
                piece = self.socket.recv(1 << 18)
            except TimeoutError:
                continue
            except OSError:
                return
            if not piece:
                return
            self.data += piece

    def seen(self, ns):
        """Whether a packet came that goes past that time: the last whole one's header tells."""
        at = self.data.rfind(PACKET_MAGIC)
        while at >= 0 and len(self.data) < at + 80:
            at = self.data.rfind(PACKET_MAGIC, 0, at)
        return at >= 0 and struct.unpack_from("<Q", self.data, at + 32)[0] > ns

    def stop(self):
        self.stopped = True
        self.join()
        self.socket.close()
        return Stream(bytes(self.data))


def viewer_requests():
    """What a viewer of LTTng-live says first: connect, list, attach, metadata."""
    def request(number, payload):
        return struct.pack(">QII", len(payload), number, 0) + payload
    return (request(1, struct.pack(">QIII", 0, 2, 4, 1)) + request(2, b"") +
            request(3, struct.pack(">QQI", 1, 0, 1)) + request(6, struct.pack(">Q", 1)) + request(4, struct.pack(">Q", 2)))


def one_more(machine):
    """Whether there is a place for a reader."""
    reader = Reader(machine)
    time.sleep(0.5)
    reader.stopped = True
    reader.join()
    reader.socket.close()
    return bool(reader.data)


def generate(machine, rate, count):
    """tracegen makes `count` events, `rate` a second: the number of the first, and how many it made a second."""
    machine.wait_serial(TRACEGEN_LISTENS)
    with machine.connect(TRACEGEN) as c:
        c.send(f"{rate} {count}\n")
        made, first, ns = map(int, c.read_until(b"\n", 60 + 4 * count / rate).split())
    check(made == count, f"{made} events in place of {count}")
    return first, made / ns * 1e9


def record_classes(machine, mask):
    """Only these are recorded from now on; the mask before."""
    machine.wait_serial(TRACEGEN_LISTENS)
    with machine.connect(TRACEGEN) as c:
        c.send(f"mask {mask}\n")
        return int(c.read_until(b"\n"))


def pinging(machine, seconds):
    """Load that makes many events: messages echoed one after the other."""
    end = time.monotonic() + seconds
    with machine.connect(ECHO) as c:
        while time.monotonic() < end:
            c.send(b"x" * 64)
            c.read_exactly(64)


@contextmanager
def folder():
    at = tempfile.mkdtemp(prefix="trustos-trace-")
    try:
        yield Path(at)
    finally:
        shutil.rmtree(at)


def babeltrace(*words, limit=120):
    if not shutil.which("babeltrace2"):
        raise Skip("no babeltrace2 on this machine (apt-get install babeltrace2)")
    done = subprocess.run(["babeltrace2", *map(str, words)], capture_output=True, text=True, timeout=limit * SCALE)
    check(done.returncode == 0, f"babeltrace2: {done.stderr[-500:]}")
    return done.stdout, done.stderr


def kernel_events(machine, count=100):
    """(number since boot, ns, name) as the kernel itself tells them."""
    answer = json.loads(machine.ask(f"trace dump {count} --json").splitlines()[-1])
    rows = next(v for v in find_rows(answer) if v and "sequence" in v[0])
    return [(int(r["sequence"]), int(r["time_ns"]), r["event"]) for r in rows]


def cpu_ns(machine):
    """What all tasks used so far; with icount that is instructions."""
    rows = next(find_rows(json.loads(machine.ask("tasks --json").splitlines()[-1])))
    return sum(int(r["cpu_time_ns"]) for r in rows)


def find_rows(value):
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(inner, (dict, list)):
            yield from find_rows(inner)


def agree(stream, told):
    """Every event that the kernel told is in the stream under the same number with the same time."""
    have = {number: (ns, event) for number, ns, event in stream.events()}
    missing = [number for number, _, _ in told if number not in have]
    check(not missing, f"{len(missing)} of {len(told)} are missing, the first is {missing[:1]}; the stream ends at {max(have)}")
    wrong = [(number, ns, have[number]) for number, ns, _ in told if have[number][0] != ns]
    check(not wrong, f"{len(wrong)} of {len(told)} differ: {wrong[:3]}")

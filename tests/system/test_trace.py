"""The trace on TCP, from the real machine: port 2325's stream into the host's tool and babeltrace2, against the kernel's own
count of events; port 2326's viewer protocol. test_trace_tool.py tests the tool alone."""
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

from harness import BUILD, ECHO, LIVE, SCALE, TOKEN, TRACE, Boot, Failure, Skip, check, test, wait_for

TOOL = BUILD / "trustos-trace"
LOADED = Boot(append=f"netbench token={TOKEN}")


# ---- reading streams ----
class Stream:
    """What came over the connection: packets, their events by number and time."""
    WORDS = {}

    def __init__(self, data):
        self.packets, self.metadata, at = [], b"", 0
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
                self.packets.append((begin, end, number, lost, cpu, data[at + 80:at + content]))
            at += size
        self.words = {int(n): sum(8 if bits == "64" else 4 for bits in re.findall(r"[usx](32|64) _", fields)) // 8
                      for n, fields in re.findall(r"event \{.*?; id = (\d+);.*?struct \{(.*?)\}", self.metadata.decode())}

    def events(self):
        """(number since the reader came, ns, id): lost ones are counted."""
        out, number, known = [], 0, 0
        for begin, end, _, lost, _, body in self.packets:
            number, known, at = number + lost - known, lost, 0
            while at < len(body):
                word, = struct.unpack_from("<Q", body, at)
                out.append((number, begin + ((word >> 16) - begin & (1 << 48) - 1), word & 0xFFFF))
                number, at = number + 1, at + 8 + 8 * self.words[word & 0xFFFF]
            check(at == len(body), "an event goes past its packet")
        return out


class Reader(threading.Thread):
    """Reads a port to the end, or until told to stop."""

    def __init__(self, machine, port=TRACE, first=b""):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", machine.ports[port]), 30 * SCALE)
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

    def stop(self):
        self.stopped = True
        self.join()
        self.socket.close()
        return Stream(bytes(self.data))


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


def babeltrace(*words):
    if not shutil.which("babeltrace2"):
        raise Skip("no babeltrace2 on this machine (apt-get install babeltrace2)")
    done = subprocess.run(["babeltrace2", *map(str, words)], capture_output=True, text=True, timeout=120 * SCALE)
    check(done.returncode == 0, f"babeltrace2: {done.stderr[-500:]}")
    return done.stdout, done.stderr


def kernel_events(machine, count=100):
    """(number since boot, ns, name) as the kernel itself tells them."""
    answer = json.loads(machine.ask(f"trace dump {count} --json").splitlines()[-1])
    rows = next(v for v in find_rows(answer) if v and "sequence" in v[0])
    return [(int(r["sequence"]), int(r["time_ns"]), r["event"]) for r in rows]


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


@test(LOADED, fresh=True)
def the_stream_has_every_event_under_the_kernels_own_number(machine):
    reader = Reader(machine)
    pinging(machine, 3)
    told = kernel_events(machine)
    time.sleep(1)
    stream = reader.stop()
    lost = stream.packets[-1][3]
    check(lost == 0, f"{lost} events were lost")
    check([p[2] for p in stream.packets] == list(range(len(stream.packets))), "packets are numbered without a gap")
    check(stream.events()[0][1] < 1e9, "it begins with what the flight recorder held")
    agree(stream, told)


@test(LOADED)
def babeltrace2_reads_a_record_without_a_word(machine):
    with folder() as at:
        record = subprocess.Popen([TOOL, "record", f"127.0.0.1:{machine.ports[TRACE]}", "-o", at / "r", "-t", "4"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        pinging(machine, 2)
        said = "".join(record.communicate(timeout=60 * SCALE))
        check(record.returncode == 0, said)
        events, packets_lost, events_lost = int(re.search(r"(\d+) events, \d+ packets,", said)[1]), *re.search(
            r"lost (\d+) events, (\d+) packets", said.splitlines()[-1]).groups()
        out, warnings = babeltrace(at / "r")
    check((packets_lost, events_lost) == ("0", "0") and not warnings, f"{said}{warnings[:500]}")
    check(len(out.splitlines()) == events > 10000, f"{len(out.splitlines())} lines, {events} events")
    check("task_name: " in out, "the tasks have names")


@test(LOADED)
def eight_readers_see_the_same_events_and_a_ninth_is_refused(machine):
    readers = [Reader(machine) for _ in range(8)]
    wait_for(lambda: all(r.data for r in readers), 30, "each reader's metadata")
    ninth = Reader(machine)
    ninth.join(20 * SCALE)
    check(not ninth.is_alive() and not ninth.data, "a ninth reader got something")
    pinging(machine, 1)
    time.sleep(1)
    seen = [{ns: event for _, ns, event in r.stop().events()} for r in readers]
    end = min(max(s) for s in seen)
    begin = max(min(s) for s in seen)
    parts = [{ns for ns in s if begin <= ns <= end} for s in seen]
    check(all(p == parts[0] for p in parts) and len(parts[0]) > 3000, f"{[len(p) for p in parts]} events")
    wait_for(lambda: one_more(machine), 20, "a place after they went")


def one_more(machine):
    reader = Reader(machine)
    time.sleep(0.5)
    reader.stopped = True
    reader.join()
    reader.socket.close()
    return bool(reader.data)


@test(LOADED, fresh=True)
def a_reader_that_stalls_loses_exactly_what_it_is_told(machine):
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it connects, or the host's buffers grow
    stalled.connect(("127.0.0.1", machine.ports[TRACE]))
    quick = Reader(machine)
    pinging(machine, 12)
    check(quick.is_alive(), "the other reader was cut off")
    check("free" in machine.ask("memory"), "the console answers meanwhile")
    late = Reader.__new__(Reader)
    threading.Thread.__init__(late, daemon=True)
    late.socket, late.data, late.stopped = stalled, bytearray(), False
    late.start()
    time.sleep(3)
    told = kernel_events(machine)
    time.sleep(1)
    all_of_it, rest = quick.stop(), late.stop()
    lost = rest.packets[-1][3]
    gaps = sum(b[2] - a[2] - 1 for a, b in zip(rest.packets, rest.packets[1:]))
    check(all_of_it.packets[-1][3] == 0, "the quick reader lost events")
    check(lost > 1000 and gaps > 0, f"the stalled one lost {lost} events in {gaps} packets")
    agree(all_of_it, told)
    agree(rest, told)


@test(LOADED)
def a_stream_of_an_idle_machine_does_not_feed_itself(machine):
    reader = Reader(machine)
    time.sleep(2)
    before = len(reader.data)
    time.sleep(4)
    rate = (len(reader.data) - before) / 4
    reader.stop()
    check(100 < rate < 40000, f"{rate:.0f} bytes/s of an idle machine")


@test(LOADED)
def what_happens_is_seen_within_half_a_second(machine):
    reader = Reader(machine)
    time.sleep(1.5)
    with machine.console() as session:
        before = len(reader.data)
        session.ask("memory")
        wait_for(lambda: len(reader.data) > before + 500, 0.5, "the flush", 0.02)
    reader.stop()


@test(Boot(append=f"trace=token token={TOKEN}"))
def with_trace_token_a_reader_says_the_token_first(machine):
    for words in (b"GET / HTTP/1.0\r\n", b"login wrong\n", b"login \n", b"x" * 300):
        reader = Reader(machine, first=words)
        reader.join(60 * SCALE)
        check(not reader.is_alive() and len(reader.data) < 100 and TOKEN.encode() not in reader.data, f"{words[:20]}: {reader.data[:100]}")
    silent = Reader(machine)
    time.sleep(1)
    check(not silent.data, "bytes before the login")
    silent.stopped = True
    right = Reader(machine, first=f"login {TOKEN}\r\n".encode())
    wait_for(lambda: len(right.data) > 8192, 60, "the stream after the right token")
    check(right.stop().events(), "events")


@test(LOADED)
def babeltrace2_follows_the_machine_live(machine):
    if not shutil.which("babeltrace2"):
        raise Skip("no babeltrace2 on this machine (apt-get install babeltrace2)")
    url = f"net://127.0.0.1:{machine.ports[LIVE]}/host/trustos/kernel"
    with folder() as at, open(at / "out", "wb") as out, open(at / "said", "wb") as said:  # files: a pipe that fills up would stop it
        viewer = subprocess.Popen(["babeltrace2", "-i", "lttng-live", url], stdout=out, stderr=said)
        time.sleep(2)
        pinging(machine, 1)
        time.sleep(2)
        viewer.terminate()
        viewer.wait(60 * SCALE)
        out, said = (at / "out").read_text(), (at / "said").read_text()
    lines = out.splitlines()[:-1]  # the last one may be cut
    check(not said, f"babeltrace2: {said[-500:]}")
    check(len(lines) > 3000 and any("task_name: " in row or " task_name:" in row for row in lines) and "trustos" in lines[0], f"{len(lines)} lines")
    times = [row[1:19] for row in lines]
    check(times == sorted(times), "time goes back")


@test(LOADED)
def what_is_no_request_of_a_viewer_ends_its_connection_alone(machine):
    for bytes_ in (b"GET / HTTP/1.0\r\n\r\n", bytes(16), b"\xff" * 64, struct.pack(">QII", 1 << 40, 1, 0)):
        reader = Reader(machine, LIVE, bytes_)
        reader.join(20 * SCALE)
        check(not reader.is_alive() and not reader.data, f"{bytes_[:16]}: {bytes(reader.data[:60])}")
    check("free" in machine.ask("memory"), "the console answers")

"""The trace's events counted: what reaches the host is what the kernel counted, kind by kind, and no kind is missing."""
import json
import re
import socket
import subprocess
import time

from harness import BUILD, CHARGEN, SCALE, TOKEN, TRACE, Boot, Machine, check, test, wait_for
from trace_reader import Reader, babeltrace, folder, generate, pinging, record_classes

TOOL = BUILD / "trustos-trace"
ALL, NONE = 0x3FF, 0
LOADED = Boot(append=f"netbench tracegen token={TOKEN}")
VARIED = Boot(append=f"netbench tracegen hostile=read_only_memory_is_written token={TOKEN}", cpus=2)  # a task faults; CPUs meet
ELSEWHERE = {  # what is not made here, and the test that sees it recorded
    "iommu_fault": "test_iommu_faults", "tcp_retransmit": "test_netsrv_tell"}


def counters(machine):
    """The kernel's own, by `trace stats --json`."""
    def numbers(value):
        for key, inner in value.items():
            if isinstance(inner, dict):
                yield from numbers(inner)
            elif str(inner).isdigit():
                yield key, int(inner)
    return dict(numbers(json.loads(machine.ask("trace stats --json").splitlines()[-1])))


def load(machine):
    generate(machine, 20000, 20000)
    pinging(machine, 1)
    with machine.connect(CHARGEN) as c:
        c.read_exactly(1 << 20)
    for words in ("tasks", "memory", "network", "services", "log"):
        machine.ask(words)


def drained(reader):
    """Nothing more comes, as nothing is recorded any more."""
    def quiet():
        before = len(reader.data)
        time.sleep(1)
        return len(reader.data) == before
    wait_for(quiet, 60, "the end of the stream")
    return reader.stop()


def save(stream, at):
    """As babeltrace2 takes it: metadata and one CPU's packets."""
    at.mkdir()
    (at / "metadata").write_bytes(b"/* CTF 1.8 */\n" + stream.metadata)
    (at / "cpu0").write_bytes(b"".join(stream.raw))
    return at


def by_kind(stream):
    names = {number: name for name, number in stream.ids.items()}
    counts = dict.fromkeys(stream.ids, 0)
    for _, _, kind in stream.events():
        counts[names[kind]] += 1
    return counts


@test(LOADED, fresh=True)
def the_host_has_as_many_events_as_the_kernel_counted(machine):
    reader = Reader(machine)
    record_classes(machine, ALL)
    load(machine)
    before = counters(machine)
    record_classes(machine, NONE)
    told, again = counters(machine), counters(machine)
    check(told["events"] == again["events"], "events were recorded after the end")
    stream = drained(reader)
    here, lost = len(stream.events()), stream.lost()
    check(here > 50000, f"{here} events")
    check(here + lost == told["events"], f"{here} events and {lost} lost, of {told['events']}")
    with folder() as at:
        (at / "t.ctf").write_bytes(reader.data)
        out, _ = babeltrace(save(stream, at / "d"), "-c", "sink.utils.counter")
        tool = subprocess.run([TOOL, "print", at / "t.ctf"], capture_output=True, timeout=300 * SCALE)
    check(re.search(rf"^ *{here} Event messages", out, re.M), f"babeltrace2 counts otherwise than {here}: {out[:300]}")
    check(tool.returncode == 0 and tool.stdout.count(b"\n") - tool.stdout.count(b" LOST ") == here, f"the tool counts otherwise: {tool.stderr[-300:]}")
    if lost:
        return  # of what kind they were nobody knows
    kinds = by_kind(stream)
    for counter, kind in (("context_switches", "ctx_switch"), ("interrupts", "irq_entry"), ("page_faults", "page_fault")):
        check(before[counter] <= kinds[kind] <= told[counter], f"{kinds[kind]} {kind}, but {before[counter]} to {told[counter]} {counter}")
    check(kinds["irq_entry"] == kinds["irq_exit"], f"{kinds['irq_entry']} interrupts came and {kinds['irq_exit']} went")


@test(LOADED, fresh=True)
def what_a_reader_has_and_what_it_was_told_to_have_lost_are_all(machine):
    asleep = socket.socket()
    asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it connects, or the host's buffers grow
    asleep.connect(("127.0.0.1", machine.ports[TRACE]))
    record_classes(machine, ALL)
    generate(machine, 100000, 300000)
    reader = Reader(machine, sock=asleep)
    pinging(machine, 1)
    record_classes(machine, NONE)
    stream = drained(reader)
    here, lost, told = len(stream.events()), stream.lost(), counters(machine)["events"]
    check(lost > 1000 and stream.gaps() > 0, f"it lost {lost} events in {stream.gaps()} packets")
    check(here + lost == told, f"{here} events and {lost} lost, of {told}")


@test(VARIED, fresh=True)
def every_kind_of_event_comes_out_of_a_machine(machine):
    seen = {}
    def look():
        stream = Reader(machine)
        time.sleep(1)
        stream = stream.stop()
        for kind, count in by_kind(stream).items():
            seen[kind] = seen.get(kind, 0) + count
        return stream
    record_classes(machine, ALL)
    generate(machine, 1000, 100)
    look()
    with machine.console() as session:
        session.login()
        session.send("restart netsrv\n")  # which takes this connection along
    machine.wait_serial(r"netsrv: address[\s\S]*netsrv: address")
    machine.wait_console()
    machine.wait_serial(r"HOSTILE \d+ ok, 0 failed")
    stream = look()
    missing = {kind for kind, count in seen.items() if not count} - set(ELSEWHERE)
    check(not missing, f"no {missing}")


@test()
def each_boot_is_a_trace_of_its_own():
    def uuids():
        with Machine(Boot()) as machine:
            machine.wait_console()
            reader = Reader(machine)
            wait_for(lambda: len(reader.data) > 40000, 60, "the stream")
            stream = reader.stop()
        return {packet[4:20].hex() for packet in stream.raw} | set(
            uuid.replace("-", "") for uuid in re.findall(r'uuid = "([0-9a-f-]{36})"', stream.metadata.decode()))
    first, second = uuids(), uuids()
    check(len(first) == len(second) == 1 and first != second, f"{first} and {second}")
    check(all(uuid[12] == "4" and uuid[16] in "89ab" for uuid in first | second), f"random ones: {first | second}")

"""The trace on TCP, from the real machine: port 2325's stream into the host's tool and babeltrace2, against the kernel's own
count of events; port 2326's viewer protocol. test_trace_tool.py and its neighbours test the tool alone."""
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

from harness import BUILD, LIVE, TOKEN, TRACE, SCALE, Boot, Skip, check, median, test, wait_for
from trace_reader import Reader, agree, babeltrace, folder, generate, kernel_events, one_more, pinging, viewer_requests

TOOL = BUILD / "trustos-trace"
LOADED = Boot(append=f"netbench tracegen token={TOKEN}")


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
        generate(machine, 8000, 16000)
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
    wait_for(lambda: all(len(r.data) > 8192 for r in readers), 30, "each reader's stream")
    ninth = Reader(machine)
    ninth.join(20 * SCALE)
    check(not ninth.is_alive() and not ninth.data, "a ninth reader got something")
    generate(machine, 5000, 5000)
    newest = kernel_events(machine)[-1][1]
    wait_for(lambda: all(r.seen(newest) for r in readers), 30, "the newest events in every stream")
    seen = [{ns: event for _, ns, event in r.stop().events()} for r in readers]
    end = min(max(s) for s in seen)
    begin = max(min(s) for s in seen)
    parts = [{ns for ns in s if begin <= ns <= end} for s in seen]
    check(all(p == parts[0] for p in parts) and len(parts[0]) > 5000, f"{[len(p) for p in parts]} events")
    wait_for(lambda: one_more(machine), 20, "a place after they went")


@test(LOADED)
def what_happens_goes_out_within_200_ms(machine):
    reader = Reader(machine)
    wait_for(lambda: len(reader.data) > 8192, 30, "the stream")
    start = len(reader.data)
    wait_for(lambda: len(reader.data) > start + 8192, 30, "an idle machine's packets")
    held = [end - begin for begin, end, *_ in reader.stop().packets[-10:]]
    check(median(held) <= 200e6, f"packets that an idle machine sends hold {held} ns")  # by its own clock


@test(Boot(append=f"trace=token token={TOKEN}"))
def with_trace_token_a_reader_says_the_token_first(machine):
    token, said = TOKEN.encode(), []
    wrong = [b"login wrong\n", b"login \n", b"login " + token + b"\0\n", b"login " + bytes(range(128, 228)) + b"\n"]
    none = [b"GET / HTTP/1.0\r\n", b"x" * 300, b"login " + token * 20, b"\0\xff\xfd\x18\n", b"\n", token + b"\n",
            viewer_requests() + b"\n"]
    for port in (TRACE, LIVE):
        for words in none + (wrong if port == TRACE else []):
            reader = Reader(machine, port, words)
            reader.join(60 * SCALE)
            check(not reader.is_alive() and len(reader.data) < 100 and token not in reader.data, f"{words[:20]}: {reader.data[:100]}")
            said.append(bytes(reader.data))
    check(said.count(b"wrong token\n") == len(wrong), f"{said}")
    silent = Reader(machine)
    time.sleep(1)
    check(not silent.data, "bytes before the login")
    silent.stopped = True
    right = Reader(machine, first=f"login {TOKEN}\r\n".encode())
    wait_for(lambda: len(right.data) > 8192, 60, "the stream after the right token")
    told = kernel_events(machine)
    wait_for(lambda: right.seen(told[-1][1]), 60, "the newest events")
    have = {ns for _, ns, _ in right.stop().events()}
    check(all(ns in have for _, ns, _ in told), "what the kernel tells is missing in the stream")
    viewer = Reader(machine, LIVE, f"login {TOKEN}\n".encode() + viewer_requests())
    wait_for(lambda: b"/* CTF 1.8 */" in viewer.data, 60, "the metadata, for a viewer that said the token")
    viewer.stopped = True


@test(LOADED)
def babeltrace2_follows_the_machine_live(machine):
    if not shutil.which("babeltrace2"):
        raise Skip("no babeltrace2 on this machine (apt-get install babeltrace2)")
    url = f"net://127.0.0.1:{machine.ports[LIVE]}/host/trustos/kernel"
    with folder() as at, open(at / "out", "wb") as out, open(at / "said", "wb") as said:  # files: a pipe that fills up would stop it
        viewer = subprocess.Popen(["babeltrace2", "-i", "lttng-live", url], stdout=out, stderr=said)
        time.sleep(2)
        generate(machine, 5000, 5000)
        time.sleep(2)
        viewer.terminate()
        viewer.wait(60 * SCALE)
        out, said = (at / "out").read_text(), (at / "said").read_text()
    lines = out.splitlines()[:-1]  # the last one may be cut
    check(not said, f"babeltrace2: {said[-500:]}")
    check(len(lines) > 5000 and any("task_name: " in row or " task_name:" in row for row in lines) and "trustos" in lines[0], f"{len(lines)} lines")
    times = [row[1:19] for row in lines]
    check(times == sorted(times), "time goes back")


@test(LOADED)
def what_is_no_request_of_a_viewer_ends_its_connection_alone(machine):
    for bytes_ in (b"GET / HTTP/1.0\r\n\r\n", bytes(16), b"\xff" * 64, struct.pack(">QII", 1 << 40, 1, 0)):
        reader = Reader(machine, LIVE, bytes_)
        reader.join(20 * SCALE)
        check(not reader.is_alive() and not reader.data, f"{bytes_[:16]}: {bytes(reader.data[:60])}")
    check("free" in machine.ask("memory"), "the console answers")


@test(Boot(mem=11, append=f"ip=10.0.2.15/24,10.0.2.2 token={TOKEN}", initrd=str(BUILD / "services.tar")))
def the_smallest_machine_has_a_trace_too(machine):
    machine.wait_serial(r"tracer: listening on port 2326")
    readers = [Reader(machine) for _ in range(8)]
    viewers = [Reader(machine, LIVE, viewer_requests()) for _ in range(4)]
    wait_for(lambda: all(b"/* CTF 1.8 */" in v.data for v in viewers), 60, "the metadata for four viewers")
    told = kernel_events(machine, 32)
    wait_for(lambda: all(r.seen(told[-1][1]) for r in readers), 60, "the newest events in eight streams")
    for reader in readers:
        have = {ns for _, ns, _ in reader.stop().events()}
        check(all(ns in have for _, ns, _ in told), "what the kernel tells is missing in a stream")
    for viewer in viewers:
        viewer.stopped = True

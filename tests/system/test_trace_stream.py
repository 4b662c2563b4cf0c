"""What the trace's ports take: many events, a bad network, readers that stall, break off or say nothing. Every test counts:
what came and what was told as lost together are what the kernel recorded. test_trace.py has the rest."""
import os
import random
import re
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

from harness import BUILD, LIVE, TOKEN, TRACE, Boot, Machine, check, test, wait_for
from trace_reader import Reader, agree, babeltrace, folder, generate, kernel_events, one_more, pinging, viewer_requests
from wire import Wire

TOOL = BUILD / "trustos-trace"
LOADED = Boot(append=f"netbench tracegen token={TOKEN}")
SEED = int(os.environ.get("SEED", "20"))
LONG_S = 600 if os.environ.get("TORTURE") else 20


def reader_from_the_start(machine):
    """One whose numbers are the kernel's: the flight recorder still has the first event."""
    reader = Reader(machine)
    wait_for(lambda: len(reader.data) > 8192, 60, "the stream")
    return reader


def finish(reader, machine):
    """The reader's stream, its end known to hold what the kernel told."""
    told = kernel_events(machine)
    wait_for(lambda: reader.seen(told[-1][1]), 60, "the kernel's newest events in the stream", 0.3)
    stream = reader.stop()
    agree(stream, told)
    return stream


def all_came(stream, first, count):
    """tracegen's events, each once and in turn."""
    came = [n for n in stream.generated() if first <= n < first + count]
    check(came == list(range(first, first + count)), f"{len(came)} of {count} generated events came")


def most_came(stream, first, count):
    """Each once at most, in turn, and none missing that was not told as lost."""
    came = [n for n in stream.generated() if first <= n < first + count]
    check(came == sorted(set(came)), "generated events came twice or in disorder")
    check(count - len(came) <= stream.lost(), f"{count - len(came)} events are missing, {stream.lost()} were told")


# ---- speed ----
@test(LOADED, fresh=True)
def two_hundred_thousand_events_a_second_come_whole_while_the_console_answers(machine):
    reader = reader_from_the_start(machine)
    made, answers = [], 0
    load = threading.Thread(target=lambda: made.append(generate(machine, 200_000, 1_000_000)))
    load.start()
    while load.is_alive():
        check("free" in machine.ask("memory"), "the console does not answer")
        answers += 1
    first, rate = made[0]
    stream = finish(reader, machine)
    check((stream.lost(), stream.gaps()) == (0, 0), f"{stream.lost()} events lost in {stream.gaps()} packets")
    all_came(stream, first, 1_000_000)
    check(answers >= 2, f"the console answered {answers} times while {rate:.0f} events a second were made")


@test(LOADED, fresh=True)
def one_reader_and_eight_of_an_idle_machine_settle_at_a_small_constant_rate(machine):
    readers = []
    for count in (1, 8):
        readers += [Reader(machine) for _ in range(count - len(readers))]
        wait_for(lambda: all(len(r.data) > 8192 for r in readers), 60, "the streams")
        time.sleep(1.5)
        rates = []
        for _ in range(4):
            before = len(readers[0].data)
            time.sleep(1.5)
            rates.append((len(readers[0].data) - before) / 1.5)
        check(100 < min(rates) and max(rates) < 40_000 * count ** 0.5, f"bytes/s with {count} readers: {rates}")
        check(max(rates[2:]) < 2 * min(rates[:2]) + 2000, f"it grows with {count} readers: {rates}")
    for reader in readers:
        reader.stop()


# ---- a bad network ----
@contextmanager
def lossy_machine():
    wire = Wire(SEED)
    machine = Machine(Boot(append=LOADED.append, net="wire"), wire.port)
    with machine:
        wire.join()
        machine.wait_console()
        yield machine, wire
    wire.close()


@test()
def with_frames_lost_on_the_way_the_record_has_every_event_once():
    with lossy_machine() as (machine, wire):
        reader = reader_from_the_start(machine)
        wire.loss = 0.02
        first, _ = generate(machine, 20_000, 100_000)
        wire.loss = 0
        stream = finish(reader, machine)
        check(wire.dropped > 20, f"{wire.dropped} of {wire.frames} frames were lost")
        most_came(stream, first, 100_000)


@test()
def a_network_that_was_away_costs_exactly_the_events_that_are_told():
    with lossy_machine() as (machine, wire):
        reader = reader_from_the_start(machine)
        load = threading.Thread(target=generate, args=(machine, 100_000, 800_000))
        load.start()
        time.sleep(1)
        wire.silent.update(f for f in wire.begun if f[0] == TRACE)
        time.sleep(5)
        wire.silent.clear()
        load.join()
        stream = finish(reader, machine)
        check(stream.lost() > 10_000 and stream.gaps() > 0, f"{stream.lost()} lost in {stream.gaps()} packets")
        most_came(stream, 0, 800_000)


# ---- readers that break off ----
def broken_off(machine, port, say, take, how):
    """A connection that says so much, takes so many bytes, and ends."""
    s = socket.create_connection(("127.0.0.1", machine.ports[port]), 30)
    s.settimeout(5)
    s.sendall(say)
    try:
        while take > 0:
            piece = s.recv(take)
            if not piece:
                break
            take -= len(piece)
        if how == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif how == "half":
            s.shutdown(socket.SHUT_WR)
            s.recv(1)
    except OSError:
        pass  # it was quicker
    s.close()


@test(LOADED, fresh=True)
def connections_cut_at_any_byte_give_their_places_back_and_disturb_no_other(machine):
    chance, requests = random.Random(SEED), viewer_requests()
    reader = reader_from_the_start(machine)
    for i in range(120):
        how = ("reset", "close", "half")[i % 3]
        if i % 2:
            take = chance.choice((0, 1, 79, 80, 4095, 4096, 4097, 8192, 20_000, chance.randrange(60_000)))
            broken_off(machine, TRACE, b"", take, how)
        else:
            say = requests[:chance.choice((0, 1, 15, 16, 35, 36, 52, chance.randrange(len(requests) + 1), len(requests)))]
            broken_off(machine, LIVE, say, chance.choice((0, 0, 1, 20, 19, 5000)) if len(say) > 35 else 0, how)
    wait_for(lambda: places(machine, TRACE, 7, b""), 60, "the seven other places on 2325")
    wait_for(lambda: places(machine, LIVE, 4, requests), 60, "the four places on 2326")
    stream = finish(reader, machine)
    check((stream.lost(), stream.gaps()) == (0, 0), f"{stream.lost()} events lost in {stream.gaps()} packets")


def places(machine, port, count, first):
    """Whether so many at once are served."""
    readers = [Reader(machine, port, first) for _ in range(count)]
    time.sleep(1)
    for reader in readers:
        reader.stopped = True
        reader.join()
        reader.socket.close()
    return all(r.data for r in readers)


@test()
def places_of_readers_that_are_gone_without_a_word_go_to_who_comes():
    with lossy_machine() as (machine, wire):
        gone = [Reader(machine) for _ in range(8)] + [Reader(machine, LIVE, viewer_requests()) for _ in range(3)]
        gone.append(Reader(machine, LIVE))  # and one that never says a thing
        wait_for(lambda: all(r.data for r in gone[:-1]), 60, "all the readers' first bytes")
        generate(machine, 20_000, 20_000)
        wire.silent.update(f for f in wire.begun if f[0] in (TRACE, LIVE))
        for reader in gone:
            reader.stopped = True
            reader.join()
            reader.socket.close()
        generate(machine, 20_000, 20_000)  # more than the transmit rings hold
        check(not one_more(machine), "a place before its time")
        wait_for(lambda: one_more(machine), 120, "a place on 2325", 2)
        wait_for(lambda: places(machine, LIVE, 1, viewer_requests()), 120, "a place on 2326", 2)
        check("free" in machine.ask("memory"), "the console answers")


# ---- readers that stall ----
def stalled_socket(machine):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it connects, or the host's buffers grow
    s.connect(("127.0.0.1", machine.ports[TRACE]))
    return s


@test(LOADED, fresh=True)
def seven_read_on_while_the_eighth_stalls_for_half_a_minute_and_is_told_what_it_lost(machine):
    quick = [reader_from_the_start(machine)] + [Reader(machine) for _ in range(6)]
    stalled = stalled_socket(machine)
    first, _ = generate(machine, 5_000, 150_000)  # 30 s
    check("free" in machine.ask("memory"), "the console answers meanwhile")
    late = Reader(machine, sock=stalled)
    time.sleep(2)
    rest = finish(late, machine)
    check(rest.lost() > 1000 and rest.gaps() > 0, f"the stalled one lost {rest.lost()} events in {rest.gaps()} packets")
    most_came(rest, first, 150_000)
    for reader in quick:
        stream = finish(reader, machine)
        check((stream.lost(), stream.gaps()) == (0, 0), f"a quick reader lost {stream.lost()} events")
        all_came(stream, first, 150_000)


# ---- a long record ----
@test(LOADED, fresh=True)
def babeltrace2_finds_nothing_wrong_with_a_long_record_under_load(machine):
    """20 s; ten minutes with TORTURE=1."""
    with folder() as at:
        record = subprocess.Popen([TOOL, "record", f"127.0.0.1:{machine.ports[TRACE]}", "-o", at / "r", "-t", str(LONG_S)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        load = threading.Thread(target=generate, args=(machine, 20_000, 20_000 * (LONG_S - 4)))
        load.start()
        while load.is_alive():
            pinging(machine, 0.2)
            check("free" in machine.ask("memory"), "the console answers meanwhile")
            time.sleep(0.3)
        said = "".join(record.communicate(timeout=LONG_S + 60))
        check(record.returncode == 0, said)
        events = int(re.search(r"(\d+) events, \d+ packets,", said)[1])
        lost, packets = map(int, re.search(r"lost (\d+) events, (\d+) packets", said.splitlines()[-1]).groups())
        counted, warnings = babeltrace(at / "r", "-c", "sink.utils.counter", limit=LONG_S * 2 + 120)
    print(f"     {said.splitlines()[-1]}")
    read = int(re.findall(r"(\d+) Event messages", counted)[-1])  # it says so now and then
    check(read == events > 19_000 * (LONG_S - 4), f"babeltrace2 reads {read} events, {events} were recorded")
    check(bool(lost or packets) == bool(warnings), f"lost {lost}, {packets}: {warnings[:500]}")

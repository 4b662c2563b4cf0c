"""Bytes in bulk, both ways, whole and in order; TORTURE=1 makes each last an hour."""
import os
import random
import threading
import time

from harness import CHARGEN, DISCARD, ECHO, Boot, Failure, check, expect, test, test_each

BYTES = int(os.environ.get("BULK_MIB", "256")) << 20
SECONDS = 3600 if os.environ.get("TORTURE") else 0
PERIOD = 1048583  # a prime: no shift of the stream goes unseen
WAYS = {"event_idx=on": Boot(append="netbench"),
        "event_idx=off": Boot(append="netbench", nic="virtio-net-pci,event_idx=off"),
        "smp2": Boot(append="netbench", cpus=2)}
CHARGEN_PERIOD = b"".join(bytes(32 + (line + i) % 95 for i in range(72)) + b"\r\n" for line in range(95))


def again(bytes_a_round):
    """One round of BYTES, or as many as an hour holds."""
    end = time.monotonic() + SECONDS
    yield bytes_a_round
    while time.monotonic() < end:
        yield bytes_a_round


class Pattern:
    """A stream of pseudo-random bytes with period PERIOD, at any position."""

    def __init__(self, seed, period=None):
        self.block = period or random.Random(seed).randbytes(PERIOD)
        self.twice = self.block * (2 + 65536 // len(self.block))

    def at(self, position, size):
        start = position % len(self.block)
        return self.twice[start:start + size]

    def compare(self, position, data):
        if self.at(position, len(data)) != data:
            expected = self.at(position, len(data))
            i = next(i for i in range(len(data)) if data[i] != expected[i])
            raise Failure(f"byte {position + i} differs: {data[i:i + 16]!r} in place of {expected[i:i + 16]!r}")


def receive_all(connection, pattern, total):
    got = 0
    while got < total:
        try:
            data = connection.receive()
        except TimeoutError:
            raise Failure(f"stalled after {got} of {total} bytes") from None
        check(data, f"closed after {got} of {total} bytes")
        pattern.compare(got, data)
        got += len(data)


def echo_bytes(machine, total, seed=1):
    pattern, trouble = Pattern(seed), []
    with machine.connect(ECHO) as connection:
        def feed():
            try:
                for position in range(0, total, 65536):
                    connection.send(pattern.at(position, min(65536, total - position)))
                connection.shut()
            except OSError as error:
                trouble.append(error)
        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        receive_all(connection, pattern, total)
        check(not connection.read_all(), "more came back than was sent")
        feeder.join()
        check(not trouble, f"sending: {trouble}")


@test_each(**WAYS)
def echo_in_bulk_comes_back_whole(machine):
    for total in again(BYTES):
        echo_bytes(machine, total)
    expect(r"\bup\b|uptime", machine.ask("status"))


@test_each(**WAYS)
def discard_takes_bulk_and_closes(machine):
    block = bytes(65536)
    for total in again(BYTES):
        with machine.connect(DISCARD) as connection:
            for _ in range(0, total, len(block)):
                connection.send(block)
            connection.shut()
            check(not connection.read_all(), "discard answered")


@test_each(**WAYS)
def chargen_sends_the_pattern_of_rfc_864_in_bulk(machine):
    for total in again(BYTES):
        with machine.connect(CHARGEN) as connection:
            receive_all(connection, Pattern(0, CHARGEN_PERIOD), total)
            connection.reset()


@test(WAYS["event_idx=on"])
def eight_echoes_at_once_keep_their_bytes_apart(machine):
    trouble = []

    def one(seed):
        try:
            echo_bytes(machine, BYTES // 32, seed)
        except Exception as error:
            trouble.append(error)
    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(not trouble, f"{trouble}")


@test(WAYS["event_idx=on"])
def the_console_answers_while_bulk_runs(machine):
    stop = threading.Event()

    def load():
        with machine.connect(CHARGEN) as c:
            while not stop.is_set():
                c.receive()
            c.reset()
    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    try:
        slowest = 0
        for _ in range(20):
            start = time.monotonic()
            expect(r"\bup\b|uptime", machine.ask("status"))
            slowest = max(slowest, time.monotonic() - start)
    finally:
        stop.set()
        thread.join()
    check(slowest < 5, f"an answer took {slowest:.1f} s beside bulk")

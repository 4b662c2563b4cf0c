"""Services are killed one after the other on four processors while people, scripts and load generators use them: each comes
back, the conversation goes on, and nothing is left behind.  More rounds with TORTURE=1."""
import os
import threading
import time

from harness import CHARGEN, DISCARD, ECHO, TOKEN, TRACE, Boot, Failure, check, expect, test, wait_for
from test_bulk import echo_bytes
from test_faults import all_back, restart, task_ids
from test_leaks import figures

ROUNDS = 50 if os.environ.get("TORTURE") else 2
ORDER = ("jarvis", "tracer", "netbench", "rconsole", "devmgr", "netsrv")  # the last takes all connections with it
SLACK_PAGES = 16  # what a cache or a heap keeps from now on


def echoes(machine):
    with machine.connect(ECHO, 5) as connection:
        connection.send(bytes(32768))
        connection.read_exactly(32768)


def discards(machine):
    with machine.connect(DISCARD, 5) as connection:
        connection.send(bytes(1 << 18))


def listens(port):
    def function(machine):
        with machine.connect(port, 5) as connection:
            for _ in range(20):
                if not connection.receive(2):
                    return
    return function


def asks(machine):
    with machine.console(5) as session:
        for request in ("status", "tasks", "caps netsrv"):
            session.ask(request, 5)


class Traffic:
    """Each kind in a thread of its own; what a killed service cuts off is begun anew."""

    KINDS = (echoes, discards, listens(CHARGEN), listens(TRACE), asks)

    def __init__(self, machine):
        self.machine, self.stop = machine, threading.Event()
        self.done = [0] * len(self.KINDS)
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(len(self.KINDS))]

    def run(self, kind):
        while not self.stop.is_set():
            try:
                self.KINDS[kind](self.machine)
                self.done[kind] += 1
            except (Failure, OSError):
                time.sleep(0.1)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def goes_on(self, limit=60):
        """Every kind comes to an end once more."""
        before = list(self.done)
        wait_for(lambda: all(now > then for now, then in zip(self.done, before)), limit, "all kinds of traffic to go on")


def killed_in_turn(machine):
    with Traffic(machine) as traffic:
        for name in ORDER:
            traffic.goes_on()
            before = task_ids(machine)
            check(name in before, f"{name} is not there: {before}")
            restart(machine, name)
            after = all_back(machine, name, before)
            check(after["init"] == before["init"], "init itself changed")
        traffic.goes_on()
    echo_bytes(machine, 1 << 20)


def at_rest(machine, wanted=None, limit=30):
    """Pages and capabilities when they stand still, or are as they were."""
    end, last = time.monotonic() + limit, None
    while True:
        found = figures(machine)
        now = found["free_pages"], found["capabilities"]
        good = wanted and now[0] >= wanted[0] - SLACK_PAGES and now[1] == wanted[1]
        if good or (not wanted and now == last) or time.monotonic() > end:
            return now
        last = now
        time.sleep(1)


@test(Boot(append=f"netbench token={TOKEN}", cpus=4))
def every_service_killed_under_load_on_four_processors_comes_back_and_nothing_leaks(machine):
    killed_in_turn(machine)
    before = at_rest(machine)
    for _ in range(ROUNDS - 1):
        killed_in_turn(machine)
    after = at_rest(machine, before)
    check(after[0] >= before[0] - SLACK_PAGES and after[1] == before[1],
          f"free pages and capabilities after one round and after {ROUNDS}: {before}, {after}")
    expect(r"10\.0\.2\.15", machine.ask("network"))
    check("PANIC" not in machine.serial() and "GIVEN UP" not in machine.serial(), "see the log")

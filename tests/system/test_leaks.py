"""A thousand connections, one after another and many at once, leave everything as it was."""
import json
import re
import time

from harness import CONSOLE, DISCARD, ECHO, PROMPT, SCALE, Boot, Failure, check, test, wait_for

MACHINE = Boot(append="netbench")
STEADY = ("free_pages", "capabilities", "tcp_pcbs", "tcp_listeners", "tcp_segments", "pbufs", "heap_used",
          "slots_used", "rx_buffers_out", "tx_descriptors_used")


def flat(value, found):
    """Every number in a JSON value, by its key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (int, float)) and not isinstance(inner, bool):
                found.setdefault(key, inner)
            else:
                flat(inner, found)
    elif isinstance(value, list):
        for inner in value:
            flat(inner, found)
    return found


def figures(machine):
    """The figures that must not drift, as the console tells them."""
    found = {}
    with machine.console() as session:
        for request in ("pools --json", "memory --json", "network --json"):
            answer = session.ask(request)
            m = re.search(r"\{.*\}", answer, re.S)
            if m:
                try:
                    flat(json.loads(m[0]), found)
                except ValueError as error:
                    raise Failure(f"{request} is not JSON ({error}): {answer[:300]!r}") from None
    check("free_pages" in found and "capabilities" in found and "tcp_pcbs" in found,
          f"the console does not tell free pages, capabilities and pools: only {sorted(found)}")
    return found


def settled(machine, wanted=None, limit=10):
    """The steady figures once nothing is in TIME_WAIT (half a minute) and they equal `wanted` or stopped changing."""
    wait_for(lambda: figures(machine).get("tcp_time_wait", 0) == 0, 120, "TIME_WAIT to be over", 2)
    end, before = time.monotonic() + limit * SCALE, None
    while True:
        found = figures(machine)
        now = {name: found[name] for name in STEADY if name in found}
        if now == wanted or (wanted is None and now == before) or time.monotonic() > end:
            return now
        before = now
        time.sleep(1)


def same_after(machine, work):
    """One round of work to warm caches and pools up; a second must leave the figures as they were."""
    work(machine)
    before = settled(machine)
    work(machine)
    after = settled(machine, before)
    drift = {k: (before[k], after[k]) for k in before if before[k] != after[k]}
    check(not drift, f"figures before and after: {drift}")


def echoes(machine, count):
    for i in range(count):
        with machine.connect(ECHO) as c:
            c.send(b"%4d" % i)
            check(c.read_exactly(4) == b"%4d" % i, "wrong echo")


def sessions(machine, count):
    """One in ten is a person, who waits for the greeting; the others speak at once, like scripts."""
    for i in range(count):
        if i % 10:
            check(b"up" in machine.once(b"status\n"), "no answer")
        else:
            machine.console().close()


def at_once(machine, port, count):
    many = machine.connect_many(port, count)
    served = 0
    for i, c in enumerate(many):
        if port == ECHO:
            c.send(b"%4d" % i)
    for i, c in enumerate(many):
        if port == ECHO:
            check(c.read_exactly(4) == b"%4d" % i, f"wrong echo on connection {i}")
            served += 1
        else:
            try:
                c.read_until(PROMPT, 20)
                served += 1
            except (Failure, OSError):
                pass
    for c in many:
        c.close()
    return served


@test(MACHINE)
def a_thousand_echo_connections_one_after_another_leave_all_as_it_was(machine):
    same_after(machine, lambda m: echoes(m, 1000))


@test(MACHINE)
def two_hundred_echo_connections_at_once_leave_all_as_it_was(machine):
    same_after(machine, lambda m: check(at_once(m, ECHO, 200) == 200, "not all were served"))


@test(MACHINE)
def a_thousand_sessions_one_after_another_leave_all_as_it_was(machine):
    same_after(machine, lambda m: sessions(m, 1000))


@test(MACHINE)
def two_hundred_sessions_at_once_leave_all_as_it_was(machine):
    same_after(machine, lambda m: check(at_once(m, CONSOLE, 200) >= 16, "fewer than 16 were served"))


@test(MACHINE)
def resets_and_half_sent_data_leave_all_as_it_was(machine):
    def work(machine):
        for i in range(200):
            c = machine.connect((ECHO, DISCARD, CONSOLE)[i % 3])
            c.send(b"x" * (i * 97 % 5000))
            c.reset()
    same_after(machine, work)


@test(MACHINE)
def a_thousand_requests_in_one_session_leave_all_as_it_was(machine):
    def work(machine):
        with machine.console() as session:
            for i in range(250):
                for request in ("status", "tasks", "caps netsrv", "nonsense"):
                    session.ask(request)
    same_after(machine, work)

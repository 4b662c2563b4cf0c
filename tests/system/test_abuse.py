"""Bad input and bad manners: an error line or a close, never a stuck service; others are served meanwhile."""
import os
import random
import re
import threading

from harness import (AGENT, CONSOLE, DISCARD, ECHO, PROMPT, TRACE, Boot, Failure, check, expect, test, wait_for)

MACHINE = Boot(append="netbench", forwards=(CONSOLE, AGENT, TRACE, ECHO, DISCARD, 1, 22, 80, 443, 3389, 65535))
LINE_MAX = 4096
SEED = int(os.environ.get("SEED", "20"))


def others_are_served(machine):
    expect(r"\bup\b|uptime", machine.ask("status"), "the answer to another session")


def gone(connection):
    """Reads to the end; a reset counts as one."""
    try:
        return connection.read_all()
    except ConnectionError:
        return connection.held


@test(MACHINE)
def sixteen_sessions_at_once_all_answer(machine):
    sessions = [machine.console() for _ in range(16)]
    for _ in range(3):
        for s in sessions:
            s.send("network\n")
        for s in sessions:
            expect(r"10\.0\.2\.15", s.read_until(PROMPT).decode())
    for s in sessions:
        s.close()
    others_are_served(machine)


@test(MACHINE)
def more_sessions_than_there_is_room_for_are_told_or_closed(machine):
    many = machine.connect_many(CONSOLE, 60)
    served, refused = 0, 0
    for c in many:
        try:
            c.read_until(PROMPT, 20)
            served += 1
        except (Failure, OSError) as error:
            refused += "in use" in str(error) or "busy" in str(error)
    check(served >= 16, f"only {served} of 60 were served")
    check(served + refused == 60, f"{60 - served - refused} of 60 were neither served nor told why not")
    for c in many:
        c.close()
    served_soon(machine)


def served_soon(machine):
    """Sessions end a moment after their connections."""
    def attempt():
        try:
            return "up" in machine.ask("status", 10)
        except (Failure, OSError):
            return False
    wait_for(attempt, 10, "a free session")


@test(MACHINE)
def clients_that_never_read_do_not_stop_the_others(machine):
    deaf = [machine.console() for _ in range(6)]
    for c in deaf:
        c.socket.setblocking(False)
        try:
            for _ in range(3000):
                c.socket.send(b"help\ntrace dump\n" * 20)
        except (BlockingIOError, ConnectionError):
            pass
    for _ in range(10):
        others_are_served(machine)
    for c in deaf[:3]:
        c.close()
    for c in deaf[3:]:
        c.reset()
    others_are_served(machine)


@test(MACHINE)
def a_deaf_client_that_listens_again_gets_everything_in_order(machine):
    with machine.console() as session:
        session.send("".join(f"caps nosuch{i}\n" for i in range(400)))
        others_are_served(machine)
        session.shut()
        answers = session.read_all().decode()
    numbers = [int(n) for n in re.findall(r"nosuch(\d+)", answers)]
    check(sorted(set(numbers)) == list(range(400)), f"{len(set(numbers))} of 400 answers came")
    check(numbers == sorted(numbers), "the answers are out of order")


@test(MACHINE)
def lines_up_to_4096_bytes_are_taken_and_longer_ones_refused(machine):
    with machine.console() as session:
        expect(r"\bup\b|uptime", session.ask("status" + " " * (LINE_MAX - 7)), "a line of 4095 bytes")
    for size in (LINE_MAX + 1, 2 * LINE_MAX, 100000, 1000000):
        with machine.console() as session:
            try:
                session.send(b"a" * size + b"\nstatus\n")
                session.shut()
            except ConnectionError:
                pass
            answer = gone(session).decode("utf-8", "replace")
            expect("long|4096|4 ?KiB|limit", answer or "long (closed)", f"the answer to a line of {size} bytes")
        others_are_served(machine)


@test(MACHINE)
def an_endless_line_without_end_is_not_kept(machine):
    with machine.console() as session:
        try:
            for _ in range(200):
                session.send(b"z" * 65536)
        except (ConnectionError, TimeoutError):
            pass
    others_are_served(machine)


@test(MACHINE)
def binary_noise_does_no_harm(machine):
    source = random.Random(SEED)
    for port in (CONSOLE, AGENT, TRACE):
        for _ in range(8):
            try:
                with machine.connect(port) as c:
                    feeder = threading.Thread(target=feed, args=(c, source.randbytes(65536)), daemon=True)
                    feeder.start()
                    gone(c) if port == CONSOLE else feeder.join()
                    feeder.join()
            except (AssertionError, OSError):
                check(port != CONSOLE, f"seed {SEED}: the session with noise got stuck")
            others_are_served(machine)


def feed(connection, data):
    try:
        connection.send(data)
        connection.shut()
    except OSError:
        pass


@test(MACHINE)
def ten_thousand_random_lines_each_get_an_answer(machine):
    source = random.Random(SEED)
    letters = "".join(chr(i) for i in range(33, 127)) + "   éàçêœ"
    words = "status memory tasks network caps trace dump help of the is what quel free netsrv if then and 17 -1 %s /".split()

    def line():
        if source.random() < 0.5:
            return "".join(source.choice(letters) for _ in range(source.randrange(120)))
        return " ".join(source.choice(words) for _ in range(source.randrange(12)))
    data = "".join(line() + "\n" for _ in range(10000)).encode()
    with machine.connect(CONSOLE, 240) as c:
        feeder = threading.Thread(target=feed, args=(c, data), daemon=True)
        feeder.start()
        for _ in range(5):
            others_are_served(machine)
        answers = c.read_all()
        feeder.join()
    prompts = len(re.findall(rb"(?m)^[^\r\n]{0,24}> ?", answers))
    check(len(answers) > 10000, f"10,000 lines got {len(answers)} bytes (seed {SEED}, {prompts} prompts)")
    others_are_served(machine)


@test(MACHINE)
def resets_in_the_middle_leave_nothing_behind(machine):
    for i in range(100):
        c = machine.connect(CONSOLE)
        if i % 4 == 1:
            c.send(b"trace dump\nhel")
        elif i % 4 == 2:
            c.read_until(PROMPT)
            c.send(b"trace dump\n" * 30)
        elif i % 4 == 3:
            c.read_until(PROMPT)
            c.send(b"caps netsrv\n")
            c.receive()
        c.reset()
    others_are_served(machine)


@test(MACHINE)
def a_port_scan_is_survived(machine):
    for _ in range(20):
        for port in machine.ports:
            try:
                machine.connect(port, 5).close()
            except OSError:
                pass
    others_are_served(machine)


@test(MACHINE)
def slow_typists_do_not_hold_others_up(machine):
    slow = [machine.console() for _ in range(8)]
    for character in b"network":
        for c in slow:
            c.send(bytes((character,)))
        others_are_served(machine)
    for c in slow:
        c.send(b"\n")
        expect(r"10\.0\.2\.15", c.read_until(PROMPT).decode())
        c.close()

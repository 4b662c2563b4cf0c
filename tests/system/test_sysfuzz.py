"""Random system calls from several tasks at once (tests/system/sysfuzz): the system stays whole, and people are served."""
import os
import re
import time

from harness import SCALE, SERVICES, Boot, Machine, check, expect, test
from test_faults import task_ids

# SEED and CALLS as `make fuzz-syscalls` says them; else the day's seed, and what a CI run has time for
SEED = int(os.environ.get("SEED") or time.strftime("%Y%m%d"))
CALLS = int(os.environ.get("CALLS") or (100_000_000 if os.environ.get("TORTURE") else 5_000_000))
WATCHED = "CALLS" in os.environ
CALLS_A_SECOND_LEAST = 10_000  # a hang detector
LAST_WORD = r"SYSFUZZ clean|SYSFUZZ leak|SYSFUZZ FAIL|SYSFUZZ: say|KERNEL PANIC"


class Watcher:
    """Follows the serial log; shows the fuzzer's progress to who started it by hand."""

    def __init__(self, machine):
        self.machine, self.shown = machine, 0

    def over(self):
        text = self.machine.serial()
        if WATCHED:
            rows = text[self.shown:].split("\n")
            self.shown += sum(len(row) + 1 for row in rows[:-1])
            print("".join(f"{row}\n" for row in rows[:-1] if "SYSFUZZ" in row), end="", flush=True)
        check("KERNEL PANIC" not in text, "the kernel panicked")
        return re.search(LAST_WORD, text)


def ask_until_over(machine, watcher, limit):
    """One session all through, a question a second; returns how many were answered."""
    end, asked = time.monotonic() + limit * SCALE, 0
    with machine.console() as session:
        while not watcher.over():
            check(time.monotonic() < end, f"no end after {limit * SCALE:.0f} s")
            expect(r"netsrv", session.ask("tasks"))
            asked += 1
            if re.search("SYSFUZZ done", machine.serial()):
                break  # the leak check begins: nothing of ours may come and go
            time.sleep(0.5)
    return asked


def wait_over(watcher, limit):
    end = time.monotonic() + limit * SCALE
    while not watcher.over():
        check(time.monotonic() < end, f"no verdict on leaks after {limit * SCALE:.0f} s")
        time.sleep(0.2)


def same_services(machine, before):
    after = task_ids(machine)
    for name in ("init",) + SERVICES:
        check(before.get(name) and before[name] == after.get(name), f"{name} was restarted: {before} {after}")


def fuzz(boot, seed, calls):
    print(f"     sysfuzz: seed {seed}, {calls} calls", flush=True)
    with Machine(boot) as machine:
        machine.wait_console()
        before = task_ids(machine)
        watcher = Watcher(machine)
        asked = ask_until_over(machine, watcher, 60 + calls / CALLS_A_SECOND_LEAST)
        wait_over(watcher, 60)
        text = machine.serial()
        check("SYSFUZZ FAIL" not in text, "a promise was broken (SYSFUZZ FAIL in the log)")
        done = expect(r"SYSFUZZ done (\d+) calls, (\d+) workers ended", text, "the log")
        check(int(done[1]) >= calls and int(done[2]) > 3, f"too little was done: {done[0]}")
        expect(r"SYSFUZZ clean", text, "the log")
        check(asked > 1, "it was over before anybody could ask")
        same_services(machine, before)


@test()
def random_system_calls_break_no_promise_leak_nothing_and_disturb_no_service():
    fuzz(Boot(append=f"sysfuzz={SEED}:{CALLS}"), SEED, CALLS)


@test()
def random_system_calls_on_a_small_machine_leak_nothing():
    calls = min(CALLS, 500_000)
    fuzz(Boot(append=f"sysfuzz={SEED + 1}:{calls}", mem=32), SEED + 1, calls)


def histogram(seed):
    """What every status was met how often, where no clock but the guest's own counts."""
    boot = Boot(append=f"sysfuzz={seed}:20000", net="none", icount=True, extra=("-seed", "1", "-rtc", "clock=vm"))
    with Machine(boot) as machine:
        machine.wait_serial(LAST_WORD, 120)
        return re.findall(r"SYSFUZZ (?:status|done) .*", machine.serial())


@test()
def a_seed_gives_the_same_run_again_under_icount():
    first, again = histogram(SEED), histogram(SEED)
    check(len(first) > 5 and first == again, f"two runs differ: {first} {again}")


@test()
def a_boot_option_that_is_no_seed_and_count_is_refused_in_words():
    for value in ("x", "1:", "1:0", "1:2x", ""):
        with Machine(Boot(append=f"sysfuzz={value}")) as machine:
            machine.wait_serial(r"SYSFUZZ: say sysfuzz=SEED:CALLS", 60)

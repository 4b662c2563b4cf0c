"""Hours of a machine that has a little of everything to do (tests/system/load): timers, messages, memory, births and deaths on
four processors, each checking itself.  Time is counted (-icount), so idle time costs none and a seed runs the same again: two
minutes in CI, eight hours with TORTURE=1."""
import os
import re
import time

from harness import Boot, Machine, check, expect, test

TORTURE = bool(os.environ.get("TORTURE"))
SEED = int(os.environ.get("SEED") or time.strftime("%Y%m%d"))
SECONDS = int(os.environ.get("LOAD_S") or (8 * 3600 if TORTURE else 120))
LAST_WORD = r"LOAD \d+ s, \d+ rounds.*|LOAD: say.*|KERNEL PANIC"
GUEST_SECOND = 1  # how long one may take: a hang detector


def loaded(seconds, seed):
    """The load's closing lines on the log."""
    print(f"     load: seed {seed}, {seconds} s", flush=True)
    boot = Boot(append=f"load={seconds}:{seed}", net="none", cpus=4, icount=True, extra=("-seed", "1", "-rtc", "clock=vm"))
    with Machine(boot) as machine:
        machine.wait_serial(LAST_WORD, 120 + seconds * GUEST_SECOND)
        log = machine.serial()
    failed = re.findall(r"LOAD FAILED.*", log)
    check(not failed and "PANIC" not in log, f"{failed[:3]} {log[-1500:]}")
    return expect(r"LOAD mayflies: .*", log, "the log")[0], expect(r"LOAD \d+ s, \d+ rounds.*", log, "the log")[0]


@test()
def a_load_of_every_kind_goes_on_for_as_long_as_it_should_and_leaves_nothing_behind():
    mayflies, end = loaded(SECONDS, SEED)
    done = expect(r"LOAD (\d+) s, (\d+) rounds, (\d+) mayflies, 0 failures", end)
    check(int(done[1]) == SECONDS and int(done[2]) > 50 * SECONDS and int(done[3]) > SECONDS, f"too little: {end}")
    ends = expect(r"(\d+) exited, (\d+) faulted, (\d+) were killed; (\d+) migrations", mayflies)
    check(all(int(n) > 0 for n in ends.groups()), f"some kind of end never came, or no task ever moved: {mayflies}")


@test()
def a_seed_gives_the_same_load_again_on_four_processors_and_another_one_another():
    first, again, other = loaded(10, SEED), loaded(10, SEED), loaded(10, SEED + 1)
    check(first == again, f"two runs differ: {first} {again}")
    check(first != other, f"the seed has no part in it: {first}")


@test()
def a_time_that_is_none_is_refused_in_words():
    for value in ("x", "0", "5:", "5s", ""):
        with Machine(Boot(append=f"load={value}")) as machine:
            machine.wait_serial(r"LOAD: say load=SECONDS", 60)

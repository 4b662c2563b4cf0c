"""Translations that were taken back stay in no processor (tests/system/shoot): tasks on all of them write while memory is
unmapped, revoked, made read-only or dies with them, and its frames are used anew."""
import os
import re
import time

from harness import SCALE, Boot, Machine, check, expect, test

TORTURE = bool(os.environ.get("TORTURE"))
SEED = int(os.environ.get("SEED") or time.strftime("%Y%m%d"))
ROUNDS = int(os.environ.get("ROUNDS") or (5000 if TORTURE else 120))
ROUND_S = 8  # a hang detector
LAST_WORD = r"SHOOT \d+ rounds, \d+ stale|SHOOT FAILED|SHOOT: say|KERNEL PANIC"


def shot_at(cpus, rounds, seed):
    print(f"     shoot: seed {seed}, {rounds} rounds, {cpus} CPUs", flush=True)
    with Machine(Boot(append=f"shoot={rounds}:{seed}", cpus=cpus)) as machine:
        machine.wait_console()
        asked, end = 0, time.monotonic() + (60 + rounds * ROUND_S) * SCALE
        with machine.console() as session:
            while not re.search(LAST_WORD, machine.serial()):
                check(time.monotonic() < end, "it never comes to its end")
                expect(r"netsrv", session.ask("tasks", 60))
                asked += 1
                time.sleep(0.5)
        machine.wait_serial(r"SHOOT \d+ rounds, \d+ stale|KERNEL PANIC", 120)
        log = machine.serial()
        check("SHOOT FAILED" not in log and "SHOOT leak" not in log and "PANIC" not in log, "see the log")
        done = expect(r"SHOOT (\d+) rounds, 0 stale", log, "the log")
        check(int(done[1]) == rounds and asked > 0, f"{done[0]}, {asked} answers meanwhile")
        for way in ("unmap", "revoke", "protect", "death"):
            check(int(expect(rf"SHOOT {way} (\d+) rounds", log)[1]) > 0, f"{way} never had its turn")


@test()
def a_stale_translation_on_four_processors_is_never_written_through():
    shot_at(4, ROUNDS, SEED)


@test()
def tasks_that_share_two_processors_find_no_stale_translation_either():
    shot_at(2, max(ROUNDS // 4, 20), SEED + 1)


@test()
def a_number_of_rounds_that_is_none_is_refused_in_words():
    for value in ("x", "0", "5:", "5:2x", ""):
        with Machine(Boot(append=f"shoot={value}")) as machine:
            machine.wait_serial(r"SHOOT: say shoot=ROUNDS", 60)

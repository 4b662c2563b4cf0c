"""Hostile tasks inside the image (tests/system/hostile): every attack of the table is held, and the console answers
all the while."""
import re
import time

from harness import ROOT, SCALE, Boot, check, expect, test_each
from test_leaks import figures

ATTACKS = re.findall(r"^    X\((\w+), (\w+), (?:ALONE|LED), ", (ROOT / "tests/system/hostile/attacks.h").read_text(), re.M)
SLACK_PAGES = 16  # heaps of the services that serve the session
LIMIT = 600  # a hang detector


def watch(machine, session):
    """Asks for the status until the runner's last line; returns how often it was answered."""
    end, answers = time.monotonic() + LIMIT * SCALE, 0
    while not re.search(r"HOSTILE \d+ ok, \d+ failed", machine.serial()):
        check("PANIC" not in machine.serial(), "the kernel panicked")
        check(time.monotonic() < end, "the runner never comes to its end")
        expect(r"\bup\b", session.ask("status", 30), "status during the attacks")
        answers += 1
        time.sleep(0.2)
    return answers


def each_attack_was_held(log):
    failed = re.findall(r"HOSTILE (\w+) FAILED (.*)", log)
    check(not failed, f"{len(failed)} attacks were not held: {failed[:5]}")
    held = re.findall(r"HOSTILE (\w+) ok\s*$", log, re.M)
    check(sorted(held) == sorted(name for _, name in ATTACKS),
          f"of {len(ATTACKS)} attacks {len(held)} ran; missing: {[n for _, n in ATTACKS if n not in held][:5]}")
    count, bad = map(int, expect(r"HOSTILE (\d+) ok, (\d+) failed", log).groups())
    check(count == len(ATTACKS) >= 60 and bad == 0, f"{count} ok of {len(ATTACKS)}, {bad} failed")


def nothing_is_left_behind(log):
    line = expect(r"HOSTILE figures: free pages (\d+), then (\d+); capabilities (\d+), then (\d+)", log)
    pages, pages_then, caps, caps_then = map(int, line.groups())
    check(pages_then >= pages - SLACK_PAGES and caps_then == caps, f"left behind: {line[0]}")


def attacked(machine):
    with machine.console() as session:
        session.ask("status")
        before = figures(machine)
        answers = watch(machine, session)
        check(answers >= 5, f"only {answers} status answers during the attacks")
    log = machine.serial()
    each_attack_was_held(log)
    nothing_is_left_behind(log)
    after = figures(machine)  # the runner itself is gone by now
    check(after["free_pages"] >= before["free_pages"] - SLACK_PAGES and after["capabilities"] <= before["capabilities"],
          f"free pages {before['free_pages']} -> {after['free_pages']}, "
          f"capabilities {before['capabilities']} -> {after['capabilities']}")


@test_each(i440fx=Boot(append="hostile", mem=128, machine="pc"), q35=Boot(append="hostile", mem=128, machine="q35"),
           smp4=Boot(append="hostile", mem=128, cpus=4))
def every_attack_is_held_while_the_console_answers(machine):
    attacked(machine)

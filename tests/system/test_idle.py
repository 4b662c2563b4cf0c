"""No busy waiting."""
import time

from harness import CONSOLE, Boot, check, test

SECONDS = 10


@test(Boot(), fresh=True)
def an_idle_system_uses_under_3_percent_of_a_core(machine):
    with machine.console() as session:
        session.ask("status")
        time.sleep(3)
        before = machine.cpu_seconds()
        time.sleep(SECONDS)
        used = (machine.cpu_seconds() - before) / SECONDS
        session.ask("status")
    check(used < 0.03, f"QEMU used {used:.1%} of a core")
    print(f"     idle: {used:.1%} of a core")


@test(Boot(append="netbench"), fresh=True)
def it_is_idle_again_after_200_connections_and_a_silent_half_open_one(machine):
    quiet = [machine.connect(CONSOLE) for _ in range(4)]
    for _ in range(200):
        machine.once(b"x", 7)
    time.sleep(5)
    before = machine.cpu_seconds()
    time.sleep(SECONDS)
    used = (machine.cpu_seconds() - before) / SECONDS
    for c in quiet:
        c.close()
    check(used < 0.03, f"QEMU used {used:.1%} of a core")

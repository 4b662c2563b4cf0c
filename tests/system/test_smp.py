"""Several processors: they start, services run on them, and what holds on one holds on all; more
random system calls with TORTURE=1."""
import re

from harness import SERVICES, Boot, Machine, check, expect, test, wait_for
from test_faults import task_ids
from test_sysfuzz import CALLS, SEED, fuzz


def cpus_said(machine):
    return int(expect(r"MiB free, (\d+) CPU", machine.serial(), "the boot log")[1])


@test()
def one_two_four_and_eight_processors_start_and_the_console_answers():
    for count in (1, 2, 4, 8):
        with Machine(Boot(cpus=count)) as machine:
            machine.wait_console()
            check(cpus_said(machine) == count, f"{cpus_said(machine)} of {count} processors")
            missing = [name for name in SERVICES if name not in task_ids(machine) and name != "netbench"]
            check(not missing, f"with {count} processors these are not there: {missing}")


@test()
def the_boot_line_says_how_many_are_started_at_most():
    with Machine(Boot(append="cpus=2", cpus=4)) as machine:
        machine.wait_console()
        check(cpus_said(machine) == 2, f"{cpus_said(machine)} processors")


@test()
def a_number_of_processors_that_is_none_is_told_and_all_are_started():
    for value in ("0", "65", "two", "2x", ""):
        with Machine(Boot(append=f"cpus={value}", cpus=2)) as machine:
            machine.wait_console()
            expect(rf"cpus={value} is no number from 1 to 64: all are started", machine.serial(), "the boot log")
            check(cpus_said(machine) == 2, f"{cpus_said(machine)} processors")


@test()
def they_start_from_grub_too_with_bios_and_uefi():
    for how in ("iso", "uefi"):
        with Machine(Boot(how=how, cpus=2)) as machine:
            machine.wait_console()
            check(cpus_said(machine) == 2, f"{how}: {cpus_said(machine)} processors")


@test()
def sparse_apic_ids_are_no_holes():
    with Machine(Boot(cpus=6, extra=("-smp", "6,sockets=2,cores=3"))) as machine:
        machine.wait_console()
        check(cpus_said(machine) == 6, f"{cpus_said(machine)} of 6 processors")


@test()
def services_killed_on_four_processors_come_back():
    with Machine(Boot(append="netbench token=tests-token-4711", cpus=4)) as machine:
        machine.wait_console()
        with machine.console() as session:
            session.login()
            for name in ("jarvis", "tracer", "netbench"):
                before = task_ids(machine)[name]
                session.ask(f"restart {name}")
                wait_for(lambda: task_ids(machine).get(name) not in (None, before), 60, f"{name} to be back")


@test()
def random_system_calls_on_four_processors_break_no_promise():
    calls = max(CALLS // 10, 1000)
    fuzz(Boot(append=f"sysfuzz={SEED + 2}:{calls}", cpus=4), SEED + 2, calls)

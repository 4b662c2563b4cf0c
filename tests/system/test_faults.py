"""Services die and come back; the conversation goes on."""
import re
import time

from harness import SERVICES, TOKEN, Boot, Failure, Machine, check, expect, test, wait_for
from test_leaks import figures

OPERATOR = Boot(append=f"netbench token={TOKEN}")


def task_ids(machine, limit=60):
    """{name: id} as the console's `tasks` tells."""
    rows = machine.ask("tasks", limit).splitlines()
    found = {}
    for name in ("init",) + SERVICES + ("netbench",):
        for row in rows:
            numbers = re.findall(r"\b\d+\b", row)
            if re.search(rf"\b{name}\b", row) and numbers:
                found[name] = int(numbers[0])
    return found


def restart(machine, name):
    with machine.console() as session:
        session.login()
        session.send(f"restart {name}\n")
        try:
            session.read_until(re.compile(rb"[^\n]*\n"), 5)
        except (Failure, OSError):
            pass  # the connection may have gone with the service


def back_again(machine, name, before):
    def attempt():
        try:
            ids = task_ids(machine, 5)  # whom netsrv leaves behind when it dies in between hears nothing any more
        except (Failure, OSError):
            return None
        return ids if ids.get(name, before) != before and all(s in ids for s in SERVICES) else None
    return wait_for(attempt, 60, f"{name} to be back", 0.3)


def all_back(machine, name, before):
    """before: task_ids() of then. With devmgr netsrv starts anew, a moment later: who asks in between is cut off."""
    after = back_again(machine, name, before[name])
    return back_again(machine, "netsrv", before["netsrv"]) if name == "devmgr" else after


def restarted_and_talked_to(name):
    def function(machine):
        before = task_ids(machine)
        check(name in before, f"`tasks` does not list {name}: {before}")
        restart(machine, name)
        after = all_back(machine, name, before)
        check(after["init"] == before["init"], "init itself changed")
        expect(r"10\.0\.2\.15", machine.ask("network"))
        check(machine.once(b"still here", 7) == b"still here", "the echo port does not work any more")
    return function


for _name in SERVICES + ("netbench",):
    _function = restarted_and_talked_to(_name)
    _function.__name__ = f"a_killed_{_name}_comes_back_and_its_clients_reconnect"
    test(OPERATOR)(_function)


@test(OPERATOR)
def restarts_one_after_another_leak_no_memory(machine):
    def free_pages():
        time.sleep(1)
        return figures(machine)["free_pages"]
    for name in ("jarvis", "rconsole", "netsrv", "devmgr"):
        counts = []
        for _ in range(3):
            before = task_ids(machine)
            restart(machine, name)
            all_back(machine, name, before)
            counts.append(free_pages())
        check(counts[-1] >= counts[0] - 8, f"free pages after restarts of {name}: {counts}")


def crashes_and_comes_back(name):
    def function():
        with Machine(Boot(append=f"crashtest={name} netbench")) as machine:
            machine.wait_serial(rf"init: {name}: killed", 60)
            machine.wait_serial(rf"init: {name}: killed[\s\S]*init: {name} is ready", 60)
            machine.wait_console()
            expect(r"10\.0\.2\.15", machine.ask("network"))
            check("PANIC" not in machine.serial().upper(), "the kernel panicked")
    return function


for _name in SERVICES:
    _function = crashes_and_comes_back(_name)
    _function.__name__ = f"a_crash_of_{_name}_is_reported_and_it_comes_back"
    test()(_function)

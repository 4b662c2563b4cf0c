"""Capabilities to look at and to take back, on the console: what an observer sees, what an operator ends."""
import json
import re
import time

from harness import TOKEN, Boot, Failure, check, expect, test, wait_for
from test_faults import task_ids

BOOT = Boot(append=f"netbench token={TOKEN}")


def caps(session, task):
    """The capabilities of a task, as the console tells them in JSON."""
    return json.loads(session.ask(f"caps {task} --json"))["caps"]


def tree(session, number):
    return json.loads(session.ask(f"caps tree {number} --json"))["caps_tree"]


def everything(session, machine):
    """{id: capability} of all tasks."""
    return {cap["id"]: cap for task in task_ids(machine) for cap in caps(session, task)}


def find(session, task, **wanted):
    for cap in caps(session, task):
        if all(part in str(cap[key]) for key, part in wanted.items()):
            return cap
    raise Failure(f"{task} holds no capability with {wanted}")


def revoke(session, number, answer="yes"):
    question = session.ask(f"caps revoke {number}")
    expect(rf"capability {number}\b", question, "the question")
    expect(r"`yes` or `no`", question, "the question")
    return session.ask(answer)


# ---- looking ----

@test(BOOT)
def an_observer_sees_each_token_with_type_rights_owner_and_id(machine):
    with machine.console() as session:
        netsrv = task_ids(machine)["netsrv"]
        answer = session.ask("caps netsrv")
        rows = re.findall(r"^ *(\d+)  (\w+) +(\S.*?)  +(\S+) +(\d+) +(\d+|-) +(\d+) +(\d+) +(\d+)$", answer, re.M)
        check(len(rows) >= 8, f"only {len(rows)} rows: {answer}")
        check(all(int(row[4]) == netsrv for row in rows), "an owner that is not netsrv")
        ids = [int(row[0]) for row in rows]
        check(len(set(ids)) == len(ids), f"ids are not unique: {ids}")
        for word in ("send = ", "mint = ", "transfer = "):
            check(word in answer, f"the legend does not explain {word!r}")


@test(BOOT)
def the_ids_and_parents_of_all_tasks_make_whole_trees(machine):
    with machine.console() as session:
        all_caps = everything(session, machine)
        lost = [cap for cap in all_caps.values() if cap["parent"] and cap["parent"] not in all_caps]
        check(len(all_caps) > 40, f"only {len(all_caps)} capabilities")
        check(len(lost) <= 2, f"parents that nobody holds: {lost}")  # one may be in a message just now
        for cap in all_caps.values():
            check(cap["parent"] < cap["id"], f"made before its parent: {cap}")
            parent = all_caps.get(cap["parent"])
            if parent:
                check(parent["object"] == cap["object"], f"{cap} has a parent of another object: {parent}")
                check(set(cap["rights"].split()) <= set(parent["rights"].split()) or "ALL" in parent["rights"],
                      f"more rights than its parent: {cap}, {parent}")


@test(BOOT)
def the_drawn_tree_is_the_one_that_the_parents_tell(machine):
    with machine.console() as session:
        root = find(session, "init", type="channel", rights="receive")
        answer = session.ask(f"caps tree {root['id']}")
        drawn = [(len(m[1]) // 4, int(m[2])) for m in re.finditer(r"^((?:│   |    |├── |└── )*)(\d+) channel", answer, re.M)]
        check(drawn and drawn[0] == (0, root["id"]), f"the tree does not begin with its root: {answer}")
        told = {cap["id"]: cap["parent"] for cap in tree(session, root["id"])["caps"]}
        path = []
        for depth, number in drawn[1:]:
            del path[depth - 1:]
            above = path[-1] if path else root["id"]
            check(told.get(number, above) == above, f"{number} is drawn below {above}: {answer}")
            path.append(number)
        check(sum(cap["task"] == "netsrv" for cap in tree(session, root["id"])["caps"]) == 1, "netsrv's link to init")


@test(BOOT)
def a_path_leads_from_the_root_to_the_capability(machine):
    with machine.console() as session:
        link = find(session, "netsrv", type="channel", rights="ATTACH")
        answer = session.ask(f"caps tree {link['id']}")
        steps = [int(n) for n in re.findall(r"\b(\d+)(?= channel of|$)", expect("^It comes from: (.*)$", answer)[1])]
        check(steps[-1] == link["id"] and steps[-2] == link["parent"], f"the path {steps} does not end at {link}")
        expect(r"channel of devmgr \(\d+\) -> ", answer)


@test(BOOT)
def the_tree_of_all_counts_roots(machine):
    with machine.console() as session:
        answer = session.ask("caps tree")
        count, trees = map(int, expect(r"^(\d+) capabilities in (\d+) trees", answer).groups())
        rows = re.findall(r"^ *\d+  \w+ .* (\d+)$", answer, re.M)
        check(len(rows) == min(trees, 100), f"{len(rows)} rows for {trees} trees: {answer}")
        check(trees + sum(map(int, rows)) >= count, f"the counts do not add up to {count}: {answer}")


@test(BOOT)
def french_words_show_the_same_tree(machine):
    with machine.console() as session:
        link = find(session, "netsrv", type="channel", rights="ATTACH")
        answer = session.ask(f"montre l'arbre de la capacité {link['id']}")
        expect(rf"La capacité {link['id']}, channel, est à netsrv", answer)
        expect("Elle vient de : ", answer)
        expect("envoyer des messages", answer)
        expect(r"netsrv \(tâche \d+\) détient \d+ capacités", session.ask("capacités de netsrv"))
        expect(r"\d+ capacités en \d+ arbres", session.ask("l'arbre des capacités"))


@test(BOOT)
def wrong_numbers_and_names_get_the_nearest_thing_that_works(machine):
    with machine.console() as session:
        expect(r"no capability 999999 .*nearest number is \d+", session.ask("caps tree 999999"))
        netsrv = task_ids(machine)["netsrv"]
        answer = session.ask(f"caps tree {netsrv}")  # an easy mistake: a task's number
        expect(rf"no capability {netsrv}; {netsrv} is the number of a task: `caps netsrv`|^Capability {netsrv},", answer)
        expect("There is no task \"4000000\"", session.ask("caps 4000000"))
        expect("no capability 4294967295", session.ask("caps tree 99999999999999999999"))
        check("no task and no capability" in session.ask("caps tree frobnicate"), "a word is taken for a number")
        session.login()
        expect("Which capability\\? Give its number", session.ask("revoke"))
        expect("no capability 999999", session.ask("caps revoke 999999"))
        expect("No question of mine", session.ask("yes"))


# ---- taking back ----

@test(BOOT)
def an_observer_revokes_nothing(machine):
    with machine.console() as session:
        before = find(session, "netbench", type="channel", rights="ATTACH")
        answer = session.ask(f"caps revoke {before['id']}")
        expect("Not allowed: this needs the right ADMIN on init", answer)
        expect("No question of mine", session.ask("yes"))
        expect("Pas autorisé", session.ask(f"révoque la capacité {before['id']}"))
        expect("n'attend", session.ask("oui"))
        check(find(session, "netbench", type="channel", rights="ATTACH") == before, "it changed all the same")


@test(BOOT)
def the_kernel_stamps_what_an_observer_may_on_its_messages_to_init(machine):
    """Whatever Jarvis sends for an observer, it goes through a capability without ADMIN: init's loop refuses it."""
    with machine.console() as observer, machine.console() as operator:
        operator.login()
        observer.ask("status")
        operator.ask("status")
        sessions = [cap for cap in caps(observer, "jarvis") if cap["type"] == "channel" and cap["badge"] >> 31]
        check(sum("ADMIN" in cap["rights"] for cap in sessions) == 1, f"not one operator: {sessions}")
        check(sum("ADMIN" not in cap["rights"] for cap in sessions) >= 1, f"no observer: {sessions}")


@test(BOOT)
def a_no_and_any_other_line_leave_everything_as_it_was(machine):
    with machine.console() as session:
        session.login()
        link = find(session, "netbench", type="channel", rights="ATTACH")
        expect("Nothing was done", revoke(session, link["id"], "no"))
        session.ask(f"caps revoke {link['id']}")
        session.ask("status")
        expect("No question of mine", session.ask("yes"))
        check(find(session, "netbench", type="channel", rights="ATTACH") == link, "it changed all the same")


@test(BOOT)
def a_revoked_capability_of_another_session_works_no_more(machine):
    with machine.console() as operator, machine.console() as other:
        operator.login()
        number = int(expect(r"session (\d+)", other.ask("whoami"))[1])
        other.ask("memory")
        figures = [c for c in caps(operator, "jarvis") if c["type"] == "trace" and c["badge"] == number]
        check(len(figures) == 1, f"the session's capability for figures: {figures}")
        expect(r"is revoked\. Ended: 1; nobody holds any", revoke(operator, figures[0]["id"]))
        expect("restarting; try again", other.ask("memory"))  # its use ended: ERR_BAD_HANDLE
        expect("free", wait_for(lambda: re.search("free", other.ask("memory")) and other.ask("memory"), 10, "new ones"))
        events = [row["event"] for row in json.loads(operator.ask("trace dump 256 --json"))["trace_dump"]]
        check("CapGrant" in events, f"no CapGrant among {set(events)}")
        check(figures[0]["id"] not in everything(operator, machine), "the id is there again")


@test(BOOT)
def a_revoke_and_a_grant_stand_in_the_trace(machine):
    with machine.console() as operator, machine.console() as other:
        operator.login()
        number = int(expect(r"session (\d+)", other.ask("whoami"))[1])
        other.ask("memory")
        victim = [c for c in caps(operator, "jarvis") if c["type"] == "trace" and c["badge"] == number][0]
        operator.ask(f"caps revoke {victim['id']}")
        operator.ask("yes")
        rows = json.loads(operator.ask("trace dump 256 --json"))["trace_dump"]
        expect("CapRevoke", " ".join(row["event"] for row in rows), "the trace")
        expect(rf"jarvis: capability {victim['id']} \(trace\) is revoked by order of session \d+", operator.ask("log 20"))


@test(BOOT, fresh=True)
def a_client_whose_memory_is_revoked_loses_its_connections_and_comes_back(machine):
    """netbench works on its ring memory through a child of the capability that it moved to netsrv: netbench loses it,
    and netsrv, above it, loses nothing."""
    before = task_ids(machine)
    with machine.console() as session:
        session.login()
        rings = [c for c in caps(session, "netbench") if c["type"] == "memory" and c["parent"]][0]
        shared = tree(session, rings["parent"])
        check({cap["task"] for cap in shared["caps"]} == {"netbench", "netsrv"}, f"shared with others: {shared}")
        root = [c for c in caps(session, "netsrv") if c["id"] == rings["parent"]]
        check(root and root[0]["parent"] == 0, f"netsrv does not hold the root of {rings}: {root}")
        question = session.ask(f"révoque la capacité {rings['id']}")
        expect(r"Capacités qui finissent : 1 \(netbench 1\)", question)
        session.ask("oui")  # the console's own connection stays: netsrv does
    machine.connect(7).close()  # netbench looks at its rings, which are gone
    wait_for(lambda: back(machine, "netbench", before), 60, "netbench to be back", 0.3)
    machine.wait_echo()
    after = task_ids(machine)
    check(after["init"] == before["init"], "init changed")
    check(after["netsrv"] == before["netsrv"], "netsrv was restarted: a client's memory took it down")
    with machine.console() as session:
        check(rings["id"] not in everything(session, machine), "the id is there again")


def back(machine, name, before):
    try:
        return task_ids(machine).get(name, before[name]) != before[name]
    except (Failure, OSError):
        return False


@test(BOOT)
def what_init_holds_itself_is_never_revoked(machine):
    with machine.console() as session:
        session.login()
        for cap in caps(session, "init"):
            answer = session.ask(f"caps revoke {cap['id']}")
            expect("init itself holds capability", answer)
            expect("No question of mine", session.ask("yes"))


def comes_back_after_losing(task, **wanted):
    def function(machine):
        before = task_ids(machine)
        with machine.console() as session:
            session.login()
            victim = find(session, task, **wanted)
            expect("starts anew at once", session.ask(f"caps revoke {victim['id']}"))
            try:
                session.ask("yes", 10)
            except (Failure, OSError):
                pass  # the connection went with the service
        wait_for(lambda: back(machine, task, before), 60, f"{task} to be back", 0.3)
        machine.wait_console()
        expect(r"10\.0\.2\.15", wait_for(lambda: re.search(r".*10\.0\.2\.15.*", machine.ask("network")), 30, "DHCP")[0])
        expect(rf"{task}: capability {victim['id']} \({victim['type']}\) is revoked by order of session", machine.ask("log 60"))
        machine.wait_echo()
        check("PANIC" not in machine.serial().upper(), "the kernel panicked")
        with machine.console() as session:
            check(victim["id"] not in everything(session, machine), "the id is there again")
    return function


VITAL = {
    "netsrv_comes_back_after_losing_its_dma_capability": ("netsrv", {"type": "dma"}),
    "netsrv_comes_back_after_losing_its_interrupt": ("netsrv", {"type": "irq"}),
    "netsrv_comes_back_after_losing_its_channel": ("netsrv", {"type": "channel", "rights": "receive"}),
    "devmgr_comes_back_after_losing_the_root_of_devices": ("devmgr", {"type": "root"}),
    "rconsole_comes_back_after_losing_its_way_to_init": ("rconsole", {"type": "channel", "rights": "READ ATTACH"}),
    "jarvis_comes_back_after_losing_the_log": ("jarvis", {"type": "trace", "rights": "emit"}),
}
for _name, (_task, _wanted) in VITAL.items():
    _function = comes_back_after_losing(_task, **_wanted)
    _function.__name__ = _name
    test(BOOT)(_function)


@test(BOOT)
def revokes_leak_neither_pages_nor_capabilities(machine):
    def figures():
        time.sleep(1)
        return json.loads(machine.ask("pools --json"))["pools"]
    counts = []
    for _ in range(4):
        before = task_ids(machine)
        with machine.console() as session:
            session.login()
            dma = find(session, "netsrv", type="dma")
            session.ask(f"caps revoke {dma['id']}")
            try:
                session.ask("yes", 10)
            except (Failure, OSError):
                pass
        wait_for(lambda: back(machine, "netsrv", before), 60, "netsrv to be back", 0.3)
        machine.wait_console()
        machine.wait_echo()
        counts.append(figures())
    pages = [c["free_pages"] for c in counts]
    caps_left = [c["capabilities"] for c in counts]
    check(pages[-1] >= pages[1] - 8, f"free pages: {pages}")
    check(abs(caps_left[-1] - caps_left[1]) <= 2, f"capabilities: {caps_left}")

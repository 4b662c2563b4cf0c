"""The trace from the console: what is recorded, watching a task, and the events that services tell themselves, which
babeltrace2 reads out of a record."""
import json
import re
import subprocess
import time

from harness import BUILD, ECHO, SCALE, TOKEN, TRACE, Boot, Machine, check, expect, test, wait_for
from test_faults import back_again, restart, task_ids
from trace_reader import babeltrace, folder

TOOL = BUILD / "trustos-trace"
MACHINE = Boot(append=f"netbench token={TOKEN}")
USUAL = "sched, ipc, irq, fault, cap, task, log, user"
ESTABLISHED, CLOSED = "established", "closed"


def record(machine, action, seconds=4):
    """The events of a record made while `action` ran: [(name, {field: value})], as babeltrace2 prints them."""
    with folder() as at:
        recorder = subprocess.Popen([TOOL, "record", f"127.0.0.1:{machine.ports[TRACE]}", "-o", at / "r", "-t", str(seconds)],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(1)
        action()
        said = recorder.communicate(timeout=60 * SCALE)[0]
        check(recorder.returncode == 0, said)
        out, warnings = babeltrace(at / "r")
    check(not warnings, warnings[:500])
    events = []
    for line in out.splitlines():
        m = re.search(r" (\w+): \{ cpu_id = \d+ \}(?:, \{ (.*) \})?$", line)
        check(m, f"babeltrace2's line: {line[:200]}")
        fields = re.findall(r'(\w+) = (\( "(\w+)" : [^)]*\)|[-\w]+)', m[2] or "")
        events.append((m[1], {k: label or value for k, value, label in fields}))
    return events


def named(events, name, **wanted):
    return [f for n, f in events if n == name and all(f[k] == str(v) for k, v in wanted.items())]


def state_of(machine):
    """(classes, tasks) that are recorded, as an observer sees them."""
    facts = json.loads(machine.ask("trace stats --json"))["trace_stats"]
    return facts["classes"], facts["only_tasks"]


def restored(machine):
    return wait_for(lambda: state_of(machine) == (USUAL, ""), 20, "the filter as it was before")


# ---- what is recorded ----
@test(MACHINE)
def an_operator_chooses_what_is_recorded_and_an_observer_reads_it(machine):
    with machine.console() as observer:
        expect(r"CONTROL on trace", observer.ask("trace start all"))
        expect(r"login TOKEN", observer.ask("trace filter netsrv"))
    with machine.console() as session:
        session.login()
        expect(r"Recorded: sched, syscall, ipc", session.ask("record system calls"))
        expect(r"SyscallEntry", session.ask("trace dump 200"))
        check("syscall" in state_of(machine)[0], "trace stats")
        session.ask("trace filter netsrv")
        expect(r"netsrv \(\d+\)", state_of(machine)[1])
        netsrv = task_ids(machine)["netsrv"]
        for _ in range(3):
            machine.once(b"x", ECHO)
        rows = json.loads(session.ask("trace dump 60 --json"))["trace_dump"]
        rows = [r for r in rows if r["event"] in ("SyscallEntry", "SyscallExit")][-20:]
        others = [r for r in rows if int(r["payload"], 16) & 0xffffffff != netsrv]
        check(rows and not others, f"system calls of others than netsrv ({netsrv}): {others[:3]}")
        expect(r"^Nothing is recorded", session.ask("arrête la trace").replace("Rien n'est enregistré", "Nothing is recorded"))
        first = json.loads(session.ask("trace stats --json"))["trace_stats"]["events"]
        machine.ask("status")
        check(json.loads(session.ask("trace stats --json"))["trace_stats"]["events"] == first, "events after `trace stop`")
        session.ask("trace filter off")
    restored(machine)


@test(MACHINE)
def what_the_trace_commands_do_not_know_is_named_with_what_there_is(machine):
    with machine.console() as session:
        session.login()
        answer = session.ask("trace filter frobnicate")
        expect(r'"frobnicate" is neither', answer)
        expect(r"netsrv \(\d+\)", answer)
        expect(r"sched, syscall, ipc", answer)
        expect(r"1 to 60 seconds", session.ask("trace netsrv for 3 minutes"))


# ---- watching ----
@test(MACHINE)
def a_watch_tells_who_called_netsrv_and_what_went_over_the_wire(machine):
    with machine.console() as session:
        session.login()
        session.send("trace the network server for 4 seconds and tell me what it did\n")
        session.read_until(b"Watching netsrv")
        before = time.monotonic()
        for _ in range(5):
            expect(r"10\.0\.2\.15", machine.ask("network"))  # others go on; jarvis asks netsrv for it
        for _ in range(3):
            check(machine.once(b"x" * 3000, ECHO) == b"x" * 3000, "the echo port")
        check(time.monotonic() - before < 3.5 or SCALE > 1, "others waited for the watch")
        answer = session.read_until(re.compile(rb"(lost|lost: [\d,]+, so the counts above are too small)\.\n> $"), 60).decode()
    expect(r"^In 4\.\d s netsrv \(\d+\) ran [\d,]+ times, for ", answer)
    calls = expect(r"jarvis \(\d+\) +netsrv \(\d+\) +NET_STATUS +(\d+) +0 +[\d.]+ (ns|us|ms) +[\d.]+ (ns|us|ms)", answer)
    check(int(calls[1]) >= 5, f"calls: {calls[1]}")
    packets = expect(r"Packets in: (\d+) \([\d.]+ KiB\), out: (\d+) \([\d.]+ KiB\)\.", answer)
    check(int(packets[1]) > 30 and int(packets[2]) > 30, f"packets: {packets[0]}")
    opened = expect(r"connections opened: (\d+), closed: (\d+); segments sent again: 0", answer)
    check(int(opened[1]) >= 8 and int(opened[2]) >= 6, f"connections: {opened[0]}")
    expect(r"No faults", answer)
    restored(machine)


@test(MACHINE)
def a_watch_ends_early_when_asked_and_the_next_line_is_answered(machine):
    for stop in ("stop\n", "\n", "\x03"):
        with machine.console() as session:
            session.login()
            session.send("trace jarvis for 60 seconds\n")
            session.read_until(b"Watching jarvis")
            session.send("status\n")  # not a word to end it: it waits
            time.sleep(0.3)
            machine.ask("memory")
            check(state_of(machine)[1].startswith("jarvis"), "the watch goes on")
        restored(machine)  # cut in the middle
        with machine.console() as session:
            session.login()
            session.send("trace jarvis for 60 seconds\n")
            session.read_until(b"Watching jarvis")
            session.send(stop)
            expect(r"jarvis \(\d+\) ran", session.read_until(re.compile(rb"\.\n> $"), 30).decode(), f"after {stop!r}")
            expect(r"\bup\b|uptime", session.ask("status"))
        restored(machine)


@test(MACHINE)
def a_scripts_lines_wait_for_its_watch(machine):
    said = machine.once(f"login {TOKEN}\ntrace netsrv for 1 second --json\n\nmemory\n".encode()).decode()
    document = json.loads(re.search(r'^\{"trace_summary".*\}$', said, re.M)[0])["trace_summary"]
    check(document["name"] == "netsrv" and document["duration_ns"] >= 1e9 and document["events"] > 0, f"{document}")
    check(document["lost"] == 0, f"{document}")
    expect(r"MiB are free", said[said.index("trace_summary"):])
    check("Watching" not in said, "words in a JSON answer")


def filter_survives(name):
    def function(machine):
        session = machine.console().login()
        session.send("trace netsrv for 60 seconds\n")
        session.read_until(b"Watching netsrv")
        check(state_of(machine)[1].startswith("netsrv"), "the watch's filter")
        before = task_ids(machine)
        restart(machine, name)
        back_again(machine, name, before[name])
        restored(machine)
        session.close()
    return function


for _name in ("jarvis", "rconsole", "netsrv"):
    _function = filter_survives(_name)
    _function.__name__ = f"the_filter_is_put_back_when_{_name}_dies_in_the_middle_of_a_watch"
    test(MACHINE)(_function)


@test(MACHINE)
def two_do_not_watch_at_once(machine):
    with machine.console() as first, machine.console() as second:
        first.login()
        second.login()
        first.send("trace netsrv for 60 seconds\n")
        first.read_until(b"Watching netsrv")
        for words in ("trace jarvis for 2 seconds", "trace start all", "trace filter off", "trace stop"):
            expect(r"Session \d+ is watching", second.ask(words), words)
        first.send("stop\n")
        first.read_until(re.compile(rb"\.\n> $"), 30)
        expect(r"Recorded: sched", second.ask("trace filter off"))
    restored(machine)


# ---- what services tell themselves ----
@test(MACHINE, fresh=True)
def netsrv_tells_every_packet_and_each_state_of_a_connection(machine):
    def talk():
        data = bytes(range(256)) * 80
        for _ in range(3):
            check(machine.once(data, ECHO) == data, "the echo port")
        time.sleep(1)

    events = record(machine, talk)
    echo = [f for f in named(events, "tcp_state", local_port=ECHO) if f["remote_port"] != "0"]
    by_peer = {}
    for fields in echo:
        by_peer.setdefault(fields["remote_port"], []).append(fields["state"])
    check(len(by_peer) == 3, f"connections to the echo port: {by_peer}")
    for states in by_peer.values():
        check(states[:3] == ["syn_received", ESTABLISHED, "close_wait"] and states[-1] == CLOSED, f"{states}")
    for name in ("net_packet_in", "net_packet_out"):
        mine = [f for f in named(events, name) if int(f["ports"], 16) >> 16 == ECHO]
        packets = sum((int(f["protocol"], 16) >> 8 & 0xff) + 1 for f in mine)
        total = sum(int(f["bytes"]) for f in mine)
        check(all(int(f["protocol"], 16) & 0xffff00ff == 0x08000006 for f in mine), f"{mine[:3]}")
        check({str(int(f["ports"], 16) & 0xffff) for f in mine} == set(by_peer), f"{name}: the peers' ports")
        check(3 * 20480 + packets * 54 <= total <= 3 * 20480 + packets * 66, f"{name}: {packets} packets, {total} bytes")
    check(not named(events, "tcp_retransmit"), "segments sent again on a wire without losses")


@test(MACHINE)
def netsrvs_own_counters_agree_with_the_packets_it_tells(machine):
    def facts():
        return json.loads(machine.ask("network --json"))["net_status"]

    with machine.console() as session:
        session.login()
        outer = facts()
        session.send("trace netsrv for 60 seconds --json\n")
        wait_for(lambda: state_of(machine)[1], 20, "the watch")
        inner = facts()
        for _ in range(10):
            machine.once(b"y" * 20000, ECHO)
        inner_end = facts()
        session.send("stop\n")
        answer = session.read_until(re.compile(rb"\}\}\r?\n> $"), 60).decode()
        outer_end = facts()
    told = json.loads(re.search(r'\{"trace_summary".*\}\}', answer)[0])["trace_summary"]
    for key in ("packets", "bytes"):
        for way, name in (("rx", f"{key}_in"), ("tx", f"{key}_out")):
            least, most = (b[f"{way}_{key}"] - a[f"{way}_{key}"] for a, b in ((inner, inner_end), (outer, outer_end)))
            check(least <= told[name] <= most and least > 100, f"{name}: told {told[name]}, passed {least} to {most}")


@test(MACHINE, fresh=True)
def jarvis_tells_its_plans_and_steps(machine):
    def ask():
        machine.ask("memory, then uptime and if that fails tasks")
        machine.ask("restart netsrv")

    events = record(machine, ask)
    plan = named(events, "jarvis_plan", steps=3)
    check(len(plan) == 1, f"{named(events, 'jarvis_plan')}")
    steps = [(f["step"], f["status"]) for f in named(events, "jarvis_step", plan=plan[0]["plan"], task=plan[0]["task"])]
    check(steps == [("1", "0"), ("2", "0")], f"what was not due is no step: {steps}")
    refused = [f["status"] for f in named(events, "jarvis_step") if f["status"] != "0"]
    check(refused == ["-4"], f"ERR_NO_RIGHT: {refused}")


@test(MACHINE)
def init_tells_each_restart_of_a_service(machine):
    before = task_ids(machine)["netbench"]

    def again():
        restart(machine, "netbench")
        back_again(machine, "netbench", before)

    events = record(machine, again, 6)
    restarts = named(events, "service_restart", new_task=task_ids(machine)["netbench"])
    check(len(restarts) == 1 and restarts[0]["task"] == "1" and restarts[0]["code"] == "-1", f"{restarts}")
    check(int(restarts[0]["restarts"]) >= 1, f"{restarts}")


@test()
def a_service_that_crashes_is_told_with_its_restart():
    with Machine(Boot(append="crashtest=netbench netbench")) as machine:
        machine.wait_serial(r"init: netbench: killed[\s\S]*init: netbench is ready", 60)
        machine.wait_console()
        rows = json.loads(machine.ask("trace dump 256 --json"))["trace_dump"]
        summary = [r for r in rows if r["event"] == "ServiceRestart"]
        if not summary:  # the console's own start may have pushed it out of the newest 256
            events = record(machine, lambda: None, 2)
            summary = named(events, "service_restart", task=1, restarts=1)
        check(len(summary) == 1, f"{summary}")

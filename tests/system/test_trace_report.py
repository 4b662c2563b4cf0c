"""What `trustos-trace report` says of a synthetic trace, against a second count of what `print` says of it."""
import functools
import json
import re
from collections import defaultdict

from harness import check, test
from tracetool import folder, parse, run, synth


def ns(text):
    number, unit = text.split()
    return float(number) * {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[unit]


def near(said, wanted, what):
    check(abs(said - wanted) <= 0.015 * wanted + 1, f"{what}: {said} and not {wanted}")


def table(report, title):
    rows = report.split(f"\n{title}")[1].split("\n\n")[0].splitlines()[2:]
    return [re.split(r" {2,}", re.sub(r"(\d) +(ns|us|ms|s|%)\b *", r"\1 \2  ", row).strip()) for row in rows]


class SecondCount:
    """What the report should say of a trace, counted anew from what `print` says of it."""

    def __init__(self, path):
        self.names = {0: "idle"}
        self.time_of, self.reasons, self.irqs = defaultdict(int), defaultdict(int), defaultdict(int)
        self.waits, self.readies, self.calls, self.syscalls = (defaultdict(list) for _ in range(4))
        self.traffic, self.told, self.restarts = defaultdict(lambda: [0] * 7), defaultdict(lambda: [0, 0]), []
        self.since, self.open_calls, self.ready, self.begun, self.inside, self.home = {}, {}, {}, {}, {}, {}
        for m in re.finditer(r"task_name: task=(\d+)\((\w+)\)", run("print", path)[0]):
            self.names[int(m[1])] = m[2]
        for t, cpu, name, f in parse(path):
            self.since.setdefault(cpu, t)
            getattr(self, "on_" + name, lambda *unused: None)(t, cpu, f)

    def wait_ends(self, t, task):
        if task in self.begun:
            start, on, channel = self.begun.pop(task)
            self.waits[self.names[int(task)], on, channel].append(t - start)

    def on_ctx_switch(self, t, cpu, f):
        prev, task, reason = f["prev_task"], f["next_task"], f["reason"]
        self.time_of[int(prev)] += t - self.since[cpu]
        self.since[cpu] = t
        if prev != "0":
            self.reasons[self.names[int(prev)], reason] += 1
        if reason == "call":
            self.begun.setdefault(prev, (t, "reply", self.open_calls[prev][2]))
        elif reason == "reply":
            self.begun.setdefault(prev, (t, "message", self.home.get(prev, "0")))
        if reason in ("urgent", "slice"):
            self.ready[prev] = t
        if self.inside.get(task, (0, ""))[1] == "4":  # channel_recv: it has no exit
            self.syscall_ends(t, task, False)
        if task in self.ready:
            self.readies[int(task)].append((t - self.ready[task], self.ready.pop(task)))
        self.wait_ends(t, task)

    def on_block(self, t, cpu, f):
        self.begun[f["task"]] = t, f["on"], f["object"]
        self.ready.pop(f["task"], None)
        self.home[f["task"]] = f["object"]

    def on_wakeup(self, t, cpu, f):
        self.ready[f["task"]] = t
        self.wait_ends(t, f["task"])

    def on_ipc_call(self, t, cpu, f):
        self.open_calls[f["task"]] = t, f["op"], f["channel"]

    def on_ipc_reply(self, t, cpu, f):
        start, op, _ = self.open_calls.pop(f["caller"])
        self.calls[self.names[int(f["caller"])], self.names[int(f["task"])], op].append((t - start, int(f["status"]) < 0))

    def on_irq_entry(self, t, cpu, f):
        self.irqs[f["vector"]] += 1

    def on_syscall_entry(self, t, cpu, f):
        self.inside[f["task"]] = t, f["number"]

    def on_syscall_exit(self, t, cpu, f):
        self.syscall_ends(t, f["task"], int(f["result"]) < 0)

    def syscall_ends(self, t, task, failed):
        start, number = self.inside.pop(task)
        self.syscalls[self.names[int(task)], number].append((t - start, failed))

    def port(self, protocol, port):
        """The row: packets and bytes in, out, connections, retransmits and their bytes."""
        return self.traffic[f"tcp {port}" if protocol & 0xffff00ff == 0x08000006 else "arp"]

    def on_net_packet_in(self, t, cpu, f):
        protocol = int(f["protocol"], 16)
        row = self.port(protocol, int(f["ports"], 16) >> 16)
        row[0], row[1] = row[0] + 1 + (protocol >> 8 & 255), row[1] + int(f["bytes"])

    def on_net_packet_out(self, t, cpu, f):
        protocol = int(f["protocol"], 16)
        row = self.port(protocol, int(f["ports"], 16) >> 16)
        row[2], row[3] = row[2] + 1 + (protocol >> 8 & 255), row[3] + int(f["bytes"])

    def on_tcp_state(self, t, cpu, f):
        self.port(0x08000006, f["local_port"])[4] += f["state"] == "established"

    def on_tcp_retransmit(self, t, cpu, f):
        row = self.port(0x08000006, f["local_port"])
        row[5], row[6] = row[5] + 1, row[6] + int(f["bytes"])

    def tells(self, name, f):
        row = self.told[self.names[int(f["task"])], name]
        row[0], row[1] = row[0] + 1, row[1] + (int(f.get("status", 0)) < 0)

    def on_user_event(self, t, cpu, f):
        self.tells("user_event", f)

    def on_jarvis_plan(self, t, cpu, f):
        self.tells("jarvis_plan", f)

    def on_jarvis_step(self, t, cpu, f):
        self.tells("jarvis_step", f)

    def on_service_restart(self, t, cpu, f):
        self.restarts.append([f"{t / 1e9:.9f}", self.names[int(f["new_task"])], f["restarts"], f["code"]])


@functools.cache
def twice():
    """A report of everything there is, and the second count."""
    with folder() as at:
        (at / "t.ctf").write_bytes(synth("events=40000", "cpus=2", "task_names", "syscalls", "seed=5")[0])
        return run("report", at / "t.ctf")[0], SecondCount(at / "t.ctf")


def near_all(row, times, columns, what):
    """p50, p99 and longest stand in these columns."""
    times = sorted(times)
    for column, wanted in zip(columns, (times[len(times) // 2], times[int(0.99 * len(times))], times[-1])):
        near(ns(row[column]), wanted, f"column {column} of {what}")


@test()
def the_report_of_tasks_agrees_with_a_second_count():
    report, count = twice()
    rows = {row[0]: row for row in table(report, "CPU time")}
    check(set(rows) == set(count.names.values()), report)
    for task, name in count.names.items():
        if task:
            near(ns(rows[name][1]), count.time_of[task], f"CPU time of {name}")
    for task, times in count.readies.items():
        near_all(rows[count.names[task]], [n for n, _ in times], (-4, -3, -2), f"time ready of {count.names[task]}")
        longest = max(n for n, _ in times)
        check(rows[count.names[task]][-1] in {f"{at / 1e9:.9f}" for n, at in times if n == longest}, f"when {count.names[task]} was ready longest")
    head = report.split("\nWhy they stopped running\n")[1].splitlines()[0].split()
    rows = {row[0]: row for row in table(report, "Why they stopped running")}
    check(set(head[1:]) == {reason for _, reason in count.reasons} and {"call", "reply", "wait", "slice"} <= set(head), head)
    said = {(name, head[i]): int(row[i]) for name, row in rows.items() for i in range(1, len(head))}
    check({key: n for key, n in said.items() if n} == dict(count.reasons), report)


@test()
def the_report_of_calls_and_interrupts_agrees_with_a_second_count():
    report, count = twice()
    ops = dict(re.findall(r"op=(0x\w+)\((\w+)\)", run("print", "-", data=synth("events=40000", "seed=5")[0])[0]))
    check("NET_STATUS" in ops.values() and "JARVIS_REQUEST" in ops.values(), str(ops))
    wanted = {(caller, server, ops.get(op, op)): times for (caller, server, op), times in count.calls.items()}
    rows = {tuple(row[:3]): row for row in table(report, "Calls")}
    check(set(rows) == set(wanted), report)
    for key, row in rows.items():
        check(int(row[3]) == len(wanted[key]) and int(row[8]) == sum(failed for _, failed in wanted[key]), f"{key}: {row}")
        near_all(row, [t for t, _ in wanted[key]], (5, 6, 7), key)
    for vector, n in count.irqs.items():
        check(re.search(rf"^  {vector} .*\) +{n} .* (netsrv|rconsole)1?$", report, re.M), f"vector {vector}: {n}")


@test()
def the_report_of_waits_agrees_with_a_second_count():
    report, count = twice()
    rows = {}
    for title, on in (("Waits for an answer", "reply"), ("Waits for messages", "message")):
        for row in table(report, title):
            m = re.fullmatch(r"(\w+)(?:, channel (\d+)(?: \((\w+)\))?)?", row[7])
            check(m and m[1] == on, f"{row}")
            check(on == "message" or m[3] in count.names.values(), f"who answers: {row}")
            rows[row[0], m[1], m[2] or "0"] = row
    check(set(rows) == set(count.waits), f"{sorted(count.waits)}: {report}")
    check({on for _, on, _ in rows} == {"reply", "message"}, report)
    for key, times in count.waits.items():
        check(int(rows[key][1]) == len(times), f"waits of {key}: {len(times)}")
        near_all(rows[key], times, (2, 3, 4), f"waits of {key}")


@test()
def the_report_of_system_calls_agrees_with_a_second_count():
    report, count = twice()
    rows = {(row[0], row[1]): row for row in table(report, "System calls")}
    check({name for _, name in rows} == {"channel_call", "channel_recv"} and len(rows) == len(count.syscalls) > 6, report)
    for (task, number), times in count.syscalls.items():
        row = rows[task, {"1": "channel_call", "4": "channel_recv"}[number]]
        check(int(row[2]) == len(times) and int(row[8]) == sum(failed for _, failed in times), f"{task}: {row}")
        near(ns(row[4]), sum(t for t, _ in times), f"time of {task}")
        near_all(row, [t for t, _ in times], (5, 6, 7), task)


@test()
def the_report_of_what_tasks_told_agrees_with_a_second_count():
    report, count = twice()
    rows = {row[0]: [int(n) for n in row[1:]] for row in (re.split(r" {2,}", line.strip()) for line in
            report.split("\nNetwork")[1].split("\n\n")[0].splitlines()[2:])}
    check(rows.pop("all") == [sum(column) for column in zip(*count.traffic.values())], report)
    check(rows == dict(count.traffic) and {"tcp 7", "tcp 2323", "arp"} == set(rows), report)
    check([row for row in table(report, "Services that were started again")] == count.restarts and count.restarts, report)
    rows = {(row[0], row[1]): row for row in table(report, "What tasks told")}
    check(set(rows) == set(count.told), report)
    for (task, name), (times, failed) in count.told.items():
        check(int(rows[task, name][2]) == times, f"{task} {name}: {times}")
        check(name != "jarvis_step" or int(rows[task, name][4]) == failed > 0, f"{task} {name}: {failed} failed")


@test()
def a_trace_of_an_older_kernel_is_reported_and_drawn_as_far_as_it_goes():
    stream, made = synth("events=20000", "cpus=2", "task_names")
    for new, old in (("switch_reason _reason", "switch_reason _raison"), ("wait_for _on", "u32      _on"), ("_object", "_obiekt"),
                     ("net_packet_in", "was_not_known"), ("net_packet_out", "was_not_known2"), ("tcp_state\"", "tcp_stale\""),
                     ("tcp_retransmit", "tcp_retransmix"), ("service_restart", "service_rextart"), ("jarvis_plan", "jarvix_plan"),
                     ("jarvis_step", "jarvix_step")):
        check(len(new) == len(old) and new.encode() in stream, new)
        stream = stream.replace(new.encode(), old.encode())
    report, _ = run("report", "-", data=stream)
    for title in ("CPU time", "Calls", "Interrupts", "Waits for messages"):
        check(len(table(report, title)) > 1, f"{title}: {report}")
    check("Why they stopped" not in report and "Network" not in report and "started again" not in report, report)
    check("jarvix_step" in report and re.search(r"^  rconsole .* 2$", report, re.M), report)  # by number and by their own names
    with folder() as at:
        run("timeline", "-", "-o", at / "t.html", data=stream)
        page = json.loads((at / "t.html").read_text().split('id="trace">')[1].split("</script>")[0])
        check(set(page["runs"][4::5]) == {-1} and page["marks"] and page["waits"], "runs without reasons, marks of unknown events")
        run("perfetto", "-", "-o", at / "p.json", data=stream)
        events = json.loads((at / "p.json").read_text())["traceEvents"]
    check(any(e["name"] == "was_not_known" and e["pid"] == 2 for e in events) and not any("stopped" in e.get("args", {}) for e in events), "perfetto")


@test()
def the_report_does_not_guess_across_losses():
    stream, made = synth("events=20000", "drop_every=3")
    report, _ = run("report", "-", data=stream)
    lost = re.findall(r"cpu\d: (\d+) packets, (\d+) events", report)
    check(sum(int(p) for p, _ in lost) == made["lost_packets"] and sum(int(e) for _, e in lost) == made["lost_events"], report)
    check(ns(table(report, "CPU time")[0][-1]) < 1e6, "idle for longer than the machine ever was")
    slowest = max(ns(row[7]) for row in table(report, "Calls") if len(row) > 7)  # the last line tells of the unanswered
    check(slowest < 200e3, f"a call of {slowest} ns: its end was lost")  # none is made that takes longer

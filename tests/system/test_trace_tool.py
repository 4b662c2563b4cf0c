"""The host's trace tool (build/trustos-trace) against a server that plays a stream of build/trace-synth: no machine is
booted. Its reader has host tests (tests/unit/test_trace_reader.c); here is the program as one uses it."""
import contextlib
import functools
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from harness import BUILD, ROOT, SCALE, Skip, check, test

TOOL = str(BUILD / "trustos-trace")


def synth(*words):
    """A stream and what it holds."""
    made = subprocess.run([str(BUILD / "trace-synth"), *words], capture_output=True, check=True)
    return made.stdout, json.loads(made.stderr)


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="trustos-trace-")
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run(*words, data=None, code=0):
    done = subprocess.run([TOOL, *map(str, words)], input=data, capture_output=True, timeout=120 * SCALE)
    check(done.returncode == code, f"{words} ended with {done.returncode} and not {code}: {done.stderr.decode()[-600:]}")
    return done.stdout.decode(), done.stderr.decode()


class Server:
    """Plays one script a connection; a script is a list of bytes to send, seconds to wait, or a function of the socket."""

    def __init__(self, *scripts, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port, self.scripts, self.taken, self.heard = self.listener.getsockname()[1], scripts, 0, b""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        for script in self.scripts:
            connection, _ = self.listener.accept()
            self.taken += 1
            with connection, contextlib.suppress(OSError):
                for step in script:
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    elif callable(step):
                        self.heard += step(connection)
                    else:
                        time.sleep(step)
        self.listener.close()

    def target(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.close()


def until_gone(connection):
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass
    return b""


def events_of(path):
    text, _ = run("print", path)
    return sum("LOST" not in line for line in text.splitlines())


@test()
def a_recording_holds_every_event_and_ends_by_itself():
    stream, made = synth("events=30000", "cpus=3", "drop_every=5", "flush_ns=9000000")
    with folder() as at, Server([stream, until_gone]) as server:
        _, said = run("record", server.target(), "-o", at / "t", "-t", "1.5")
        check(sorted(p.name for p in (at / "t").iterdir()) == ["cpu0", "cpu1", "cpu2", "metadata"], "the directory's files")
        check(events_of(at / "t") == made["events"], "events")
        check(f"{made['events']} events" in said and f"lost {made['lost_events']} events, {made['lost_packets']} packets" in said, said)


@test()
def a_connection_that_is_cut_goes_on_in_a_new_directory():
    stream, made = synth("events=4000", "cpus=2")
    with folder() as at, Server([stream[:-1000]], [], [stream], [stream, until_gone]) as server:
        _, said = run("record", server.target(), "-o", at / "t", "-t", "4")
        check(sorted(p.name for p in at.iterdir()) == ["t", "t.2", "t.3"], "one directory a connection that gave packets")
        check(events_of(at / "t.2") == events_of(at / "t.3") == made["events"] > events_of(at / "t") > 0, "events")
        check("the last packet was cut" in said and said.count("recording into") == 3, said)


@test()
def a_machine_that_reboots_is_found_again_when_it_is_back():
    stream, made = synth("events=2000")
    with folder() as at:
        first = Server([stream])
        tool = subprocess.Popen([TOOL, "record", first.target(), "-o", str(at / "t")], stderr=subprocess.PIPE)
        first.thread.join(30 * SCALE)
        time.sleep(1.5)  # nobody listens: refused, again and again
        with Server([stream, until_gone], port=first.port):
            end = time.monotonic() + 30 * SCALE
            while not (at / "t.2" / "cpu0").exists() and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.3)
            tool.send_signal(signal.SIGINT)
            said = tool.communicate(timeout=30 * SCALE)[1].decode()
        check(tool.returncode == 0, f"Ctrl-C ended it with {tool.returncode}: {said}")
        check(events_of(at / "t") == events_of(at / "t.2") == made["events"], said)


@test()
def another_boot_never_goes_on_in_the_directory_of_the_one_before():
    one, made_one = synth("events=2000", "cpus=2")
    other, made_other = synth("events=3000", "cpus=1", "uuid_byte=77", "seed=3")
    with folder() as at, Server([one], [other, until_gone]) as server:
        run("record", server.target(), "-o", at / "t", "-t", "2.5")
        uuids = [re.search(r'uuid = "([^"]*)"', (at / name / "metadata").read_text())[1] for name in ("t", "t.2")]
        check(uuids[0] != uuids[1], str(uuids))
        check((events_of(at / "t"), events_of(at / "t.2")) == (made_one["events"], made_other["events"]), "events of the two boots")
        check(sorted(p.name for p in (at / "t.2").iterdir()) == ["cpu0", "metadata"], "a file of the boot before")
        mixed = one + other[other.index(b"\xc1\x1f\xfc\xc1"):]  # no machine does that: packets of another boot behind
        (at / "m.ctf").write_bytes(mixed)
        text, said = run("print", at / "m.ctf", code=1)
        check(f"offset {len(one) + 4}: the packet's uuid is not the metadata's" in said, said)
        check(len(text.splitlines()) == made_one["events"], "what came before it")


@test()
def while_it_records_it_shows_time_rate_events_and_losses():
    stream, made = synth("events=4000", "drop_every=4")
    cut = stream.index(b"\xc1\x1f\xfc\xc1", 30000)
    with folder() as at, Server([stream[:cut], 1.2, stream[cut:], until_gone]) as server:
        ours, its = pty.openpty()
        tool = subprocess.Popen([TOOL, "record", server.target(), "-o", str(at / "t"), "-t", "3"], stderr=its)
        os.close(its)
        said = b""
        with contextlib.suppress(OSError):  # a terminal whose other end is closed
            while more := os.read(ours, 4096):
                said += more
        os.close(ours)
        check(tool.wait(30 * SCALE) == 0, said.decode())
    row = r"\r\x1b\[K *(\d+\.\d) s +(\d+) events/s  (\d+) events  \d+\.\d MB  lost (\d+) events, (\d+) packets"
    rows = [tuple(map(float, found)) for found in re.findall(row, said.decode())]
    check(len(rows) >= 3 and [r[0] for r in rows] == sorted(r[0] for r in rows), said.decode())
    check(0 < rows[0][2] < rows[-1][2] == made["events"] and max(r[1] for r in rows) > 0, said.decode())
    check(rows[-1][3:] == (made["lost_events"], made["lost_packets"]), said.decode())


@test()
def a_disk_that_is_full_ends_a_recording_with_whole_packets():
    stream, made = synth("events=9000")
    limit = 20 * 4096 + 1000
    with folder() as at, Server([stream, until_gone]) as server:
        tool = subprocess.run([TOOL, "record", server.target(), "-o", str(at / "t")], capture_output=True, timeout=60 * SCALE,
                              restore_signals=False,  # Python ignores the signal that comes with the limit
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        said = tool.stderr.decode()
        check(tool.returncode == 1 and "cpu0: File too large" in said, said)
        check((at / "t" / "cpu0").stat().st_size == 20 * 4096, "half a packet was left")
        check(0 < events_of(at / "t") < made["events"], "events")


@test()
def ctrl_c_in_the_middle_of_a_packet_leaves_whole_packets():
    stream, made = synth("events=4000")
    with folder() as at, Server([stream[:30000], until_gone]) as server:
        tool = subprocess.Popen([TOOL, "record", server.target(), "-o", str(at / "t")], stderr=subprocess.PIPE)
        end = time.monotonic() + 30 * SCALE
        while not (at / "t" / "cpu0").exists() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        tool.send_signal(signal.SIGINT)
        said = tool.communicate(timeout=30 * SCALE)[1].decode()
        check(tool.returncode == 0, said)
        check((at / "t" / "cpu0").stat().st_size % 4096 == 0, "a half packet was written")
        check(0 < events_of(at / "t") < made["events"], "events")


@test()
def a_silent_connection_is_taken_for_dead():
    stream, _ = synth("events=300")
    with folder() as at, Server([stream, until_gone], [stream, until_gone]) as server:
        _, said = run("record", server.target(), "-o", at / "t", "-t", "2.5", "-i", "1")
        check("nothing came for 1 s" in said and (at / "t.2").exists(), said)


@test()
def the_token_is_the_first_line():
    stream, _ = synth("events=300")
    with folder() as at, Server([lambda c: c.recv(100), stream, until_gone]) as server:
        run("record", server.target(), "-o", at / "t", "-t", "1", "--token", "s3cret")
        check(server.heard == b"login s3cret\n", repr(server.heard))
    with folder() as at:
        run("record", "127.0.0.1:1", "--token", "a\nb", code=2)


@test()
def errors_of_a_recording_say_where():
    stream, _ = synth("events=3000")
    at_packet = stream.index(b"\xc1\x1f\xfc\xc1") + 4096
    broken = stream[:at_packet] + b"oops" + stream[at_packet + 4:]
    with folder() as at, Server([b"this port asks for login\n"], [broken]) as server:
        _, said = run("record", server.target(), "-o", at / "t", code=1)
        check('offset 0: no trace but text: "this port asks for login"' in said, said)
        check(not (at / "t").exists(), "a directory without a packet")
        _, said = run("record", server.target(), "-o", at / "t", code=1)
        check(f"offset {at_packet}: " in said and events_of(at / "t") > 0, said)
    with folder() as at:
        _, said = run("record", "127.0.0.1:1", "-o", at / "t", code=1)
        check("refused" in said, said)
        for target in ("no such host", "[2001:db8::1]:2325", "a:b:c:", ""):
            _, said = run("record", target, "-o", at / "t", code=1)
            check(said.startswith("trustos-trace: ") and len(said) > 30, f"{target}: {said}")
        check(not (at / "t").exists(), "a directory of nothing")
        _, said = run("record", "127.0.0.1:1", "-w", "-t", "0.5", "-o", at / "t", code=1)
        (at / "t").mkdir()
        (at / "t" / "mine").write_text("keep me")
        with Server([stream, until_gone]) as server:
            _, said = run("record", server.target(), "-o", at / "t", code=1)
        check("/t: Directory not empty" in said and [p.name for p in (at / "t").iterdir()] == ["mine"], said)


@test()
def half_a_stream_from_a_pipe_prints_what_is_whole():
    stream, made = synth("events=3000", "cpus=2", "task_names")
    text, said = run("print", "-", data=stream[:-5000])
    check(0 < len(text.splitlines()) < made["events"] and "the last packet is cut" in said, said)
    check("(netsrv)" in text and "0 task_name: task=14(netsrv)\n" in text, text[:500])
    text, _ = run("print", "--from", "0.01", "--to", "0.02", "-", data=stream)
    times = [float(line[1:16]) for line in text.splitlines()]
    check(times and min(times) >= 0.01 and max(times) <= 0.02, "the range")
    text, _ = run("print", "-u", "-", data=stream)
    check(text.startswith("[2023-11-14 22:13:20.0000"), text[:60])


LINE = re.compile(r"\[ *(\d+)\.(\d{9})\] \S+ +cpu(\d+) (\w+): (.*)")


def parse(path):
    """Events from what `print` says: time, cpu, name, fields."""
    for line in run("print", path)[0].splitlines():
        m = LINE.match(line)
        if m and m[4] != "LOST":
            fields = dict(re.findall(r"(\w+)=(-?\w+)", m[5]))
            yield int(m[1]) * 10**9 + int(m[2]), int(m[3]), m[4], fields


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


@test()
def perfetto_is_json_of_chrome_trace_events():
    stream, made = synth("events=20000", "cpus=2", "task_names", "syscalls")
    with folder() as at:
        run("perfetto", "-", "-o", at / "p.json", data=stream)
        events = json.loads((at / "p.json").read_text())["traceEvents"]
    kinds = defaultdict(list)
    for e in events:
        check({"ph", "pid", "tid", "name"} <= set(e) and (e["ph"] == "M" or e["ts"] >= 0), str(e))
        kinds[e["ph"]].append(e)
    check(set(kinds) == set("XisfbeM"), str(set(kinds)))
    told = [e for e in kinds["i"] if e["pid"] == 2]
    check({"net_packet_in", "tcp_state", "jarvis_plan", "service_restart"} <= {e["args"]["kind"] for e in told}, "what tasks told")
    check(all(e["tid"] == e["args"]["task"] for e in told), "what a task told stands in its lane")
    check({e["args"]["state"] for e in told if e["args"]["kind"] == "tcp_state"} == {"established", "closed"}, "names of values")
    check({"call", "reply", "wait"} <= {e["args"]["stopped"] for e in kinds["X"] if e.get("args")}, "why runs ended")
    check({e["args"]["name"] for e in kinds["M"]} >= {"CPUs", "tasks", "cpu0", "cpu1", "netsrv", "rconsole1"}, "names")
    for begin, end in ("sf", "be"):
        check(sorted(e["id"] for e in kinds[begin]) == sorted(e["id"] for e in kinds[end]), "flows have two ends")
    ends = {e["id"]: e["ts"] for e in kinds["f"]}
    check(all(e["ts"] <= ends[e["id"]] for e in kinds["s"]), "an arrow goes back in time")
    on_cpu = sorted((e for e in kinds["X"] if e["pid"] == 1 and e["tid"] == 0 and not e["name"].startswith("irq")),
                    key=lambda e: e["ts"])
    check(all(a["ts"] + a["dur"] <= b["ts"] + 0.0011 for a, b in zip(on_cpu, on_cpu[1:])), "two tasks on one CPU")
    slices = defaultdict(list)
    for e in kinds["X"]:
        if e["pid"] == 2:
            slices[e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
    for e in kinds["s"][:2000]:
        check(any(a <= e["ts"] <= b for a, b in slices[e["tid"]]), f"an arrow begins where nothing runs: {e}")


PROBE = """<script>
addEventListener('error', e => { document.body.dataset.error = e.message; });
const probe = {};
const wheel = (x, dy) => canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: dy, clientX: x, clientY: 200, bubbles: true, cancelable: true }));
const pointer = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: y + canvas.getBoundingClientRect().top, bubbles: true, pointerId: 1 }));
probe.lanes = lanes.map(l => l.label);
probe.events = events.at.length;
probe.calls = calls.from.length;
probe.title = document.title;
probe.full = [view.from, view.to];
probe.length = trace.length;
const under = timeOf(700);
for (let i = 0; i < 40; i++) wheel(700, -60);
probe.zoomed = [view.from, under, view.to];
const before = view.from;
pointer('pointerdown', 700, 200); pointer('pointermove', 600, 200); pointer('pointerup', 600, 200);
probe.dragged = view.from - before;
probe.dragWanted = (view.to - view.from) * 100 / (view.width - LABELS);
actions.all(); draw();
search('no_such_event'); probe.none = $('found').textContent;
search('ipc_call task=18(rconsole)'); probe.found = view.matches.length; probe.foundText = $('found').textContent; probe.detail = $('detail').textContent;
actions.next(); probe.second = $('found').textContent;
const lane = laneOfTask.get(18), i = lane.runs.from.findIndex((f, k) => lane.runs.to[k] - f > 20000);
show(lane.runs.from[i] - 1e5, lane.runs.to[i] + 1e5); draw();
pointer('pointerdown', xOf(lane.runs.from[i] + 15000), lane.y + 12); pointer('pointerup', xOf(lane.runs.from[i] + 15000), lane.y + 12);
probe.clicked = $('detail').textContent;
search('tcp_state state=established'); probe.established = view.matches.length; probe.label = $('detail').textContent;
search('syscall_entry netsrv channel_call'); probe.syscalls = view.matches.length;
const told = laneOfTask.get(14), k = told.marks.at.findIndex((row, n) => n && told.marks.time[n] - told.marks.time[n - 1] > 1e5);
show(told.marks.time[k] - 1e5, told.marks.time[k] + 1e5); draw();
const strip = [xOf(told.marks.time[k]), told.y + view.taskHeight];
const ink = (x, y, w, h) => new Set(new Uint32Array(context.getImageData(x, y, w, h).data.buffer)).size;
probe.markInk = ink(strip[0] - 1, strip[1], 30, MARKS_HEIGHT - 2); probe.emptyInk = ink(LABELS + 1, 2 * view.height, 5, 5);
probe.markText = trace.marks[told.marks.at[k] + 3];
pointer('pointerdown', strip[0] + 6, strip[1] + 5); pointer('pointerup', strip[0] + 6, strip[1] + 5);
probe.markClicked = $('detail').textContent;
const blocked = laneOfTask.get(18), w = blocked.waits.from.findIndex((f, n) => blocked.waits.to[n] - f > 2e5);
show(blocked.waits.from[w], blocked.waits.to[w]); draw();
pointer('pointerdown', 700, blocked.y + view.taskHeight / 2); pointer('pointerup', 700, blocked.y + view.taskHeight / 2);
probe.waitClicked = $('detail').textContent;
probe.requests = performance.getEntriesByType('resource').map(entry => entry.name);
const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
const colorsSeen = new Set();
for (let p = 0; p < pixels.length; p += 4) colorsSeen.add(pixels[p] << 16 | pixels[p + 1] << 8 | pixels[p + 2]);
probe.colors = colorsSeen.size;
const times = [];
for (const part of [1, 0.5, 0.1, 0.01, 0.001]) { show(0, trace.length * part); draw(); times.push(view.drawMs); }
probe.drawMs = times;
actions.theme(); draw(); probe.dark = document.documentElement.classList.contains('dark');
document.body.dataset.probe = JSON.stringify(probe);
</script></body>"""


def browse(at, html):
    """The page in headless Chromium, with a script that uses it like a hand on the mouse; what that found."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        raise Skip("no chromium on this machine (apt-get install chromium)")
    (at / "probe.html").write_text(html.replace("</body>", PROBE))
    line = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--no-first-run", f"--user-data-dir={at}/profile", "--window-size=1400,600", f"--screenshot={at}/page.png",
            "--virtual-time-budget=5000", "--dump-dom", f"file://{at}/probe.html"]
    done = subprocess.run(line, capture_output=True, timeout=180 * SCALE)
    dom = done.stdout.decode(errors="replace")
    error = re.search(r'data-error="([^"]*)"', dom)
    check(not error, f"the page's script failed: {error and error[1]}")
    found = re.search(r"data-probe=\"([^\"]*)\"", dom)
    check(found, f"the page did not run: {done.stderr.decode()[-500:]}")
    return json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&").replace("&gt;", ">").replace("&lt;", "<"))


@test()
def the_timeline_zooms_moves_and_finds_in_chromium():
    stream, made = synth("events=150000", "cpus=2", "task_names", "syscalls")
    with folder() as at:
        run("timeline", "-", "-o", at / "t.html", data=stream)
        html = (at / "t.html").read_text()
        check(not re.search(r"(src|href)=|https?:|@import|url\(", html), "the page fetches something")
        probe = browse(at, html)
        (at / "t.ctf").write_bytes(stream)
        events = [(n, f) for _, _, n, f in parse(at / "t.ctf")]
    wanted = sum(n == "ipc_call" and f["task"] == "18" for n, f in events)
    established = sum(n == "tcp_state" and f["state"] == "established" for n, f in events)
    nested = sum(n == "syscall_entry" and f["task"] in ("14", "46") and f["number"] == "1" for n, f in events)
    check(probe["events"] == made["events"], f"{probe['events']} events of {made['events']}")
    check(probe["lanes"][:2] == ["cpu0", "cpu1"] and {"netsrv", "jarvis1"} <= set(probe["lanes"]), str(probe["lanes"]))
    check(probe["full"] == [0, probe["length"]], "it begins with all of it")
    a, under, b = probe["zoomed"]
    check(a < under < b and b - a < probe["length"] / 1000, f"the wheel zooms at the pointer: {probe['zoomed']}")
    check(abs(probe["dragged"] - probe["dragWanted"]) < 0.02 * probe["dragWanted"], f"dragging: {probe['dragged']}")
    check(probe["none"] == "not found", probe["none"])
    check(probe["found"] == wanted > 100, f"found {probe['found']} of {wanted}")
    check(probe["foundText"] == f"1 of {wanted}" and probe["second"] == f"2 of {wanted}", probe["foundText"])
    check("ipc_call task=18(rconsole)" in probe["detail"], probe["detail"])
    check(re.search(r"rconsole runs on cpu0, then: (call|wait|slice)", probe["clicked"]), probe["clicked"])
    check(probe["established"] == established > 10 and "state=established local_port=7" in probe["label"], probe["label"])
    check(probe["syscalls"] == nested > 10, f"{probe['syscalls']} calls of netsrv and not {nested}")
    check(re.match(r"(in|out) (tcp:\d+|arp) (\d packets, )?\d+ B|:7 |again :|event 7: ", probe["markText"]), probe["markText"])
    check(probe["markInk"] > 3 and probe["emptyInk"] == 1, f"a mark with its text: {probe['markInk']} colors")
    check(re.search(r"cpu0  (net_packet_in|net_packet_out|tcp_state|tcp_retransmit|user_event) task=14\(netsrv\)", probe["markClicked"]), probe["markClicked"])
    check(re.match(r"rconsole waits: (message|reply), channel \d+.*; woken by ", probe["waitClicked"]), probe["waitClicked"])
    check(probe["requests"] == [], f"the page asked for {probe['requests']}")
    check(probe["colors"] > 20, f"only {probe['colors']} colors were drawn")
    check(max(probe["drawMs"]) < 2000 * SCALE, f"drawing took {probe['drawMs']} ms")  # notices a draw that visits every event of every lane


@test()
def names_in_a_page_are_text_and_never_markup():
    stream, _ = synth("events=300")
    stream = stream.replace(b'"synth"', b'"</scr"').replace(b'"log_line"', b'"<script>"')
    with folder() as at:
        run("timeline", "-", "-o", at / "t.html", data=stream)
        html = (at / "t.html").read_text()
        check("</scr\"" not in html and html.count("<script") == 2 and "\\u003cscript>" in html, "it ends the script")


@test()
def the_command_line_says_what_is_wrong():
    for words, code in ((["--help"], 0), (["report", "-h"], 0), ([], 2), (["draw"], 2), (["print"], 2), (["print", "a", "b"], 2),
                        (["print", "--from", "x", "a"], 2), (["timeline", "a"], 2), (["perfetto", "a"], 2),
                        (["print", "/nonexistent"], 1), (["report", "/"], 1), (["print", "-q", "a"], 2)):
        out, said = run(*words, code=code)
        check("trustos-trace" in (out if code == 0 else said), f"{words}: {out}{said}")


@test()
def the_manual_page_is_sound_and_has_every_command_and_option():
    page = ROOT / "docs" / "trustos-trace.1"
    usage, text = run("--help")[0], page.read_text()
    for word in set(re.findall(r"trustos-trace (\w+)", usage)):
        check(f".Cm {word}\n" in text, f"the page lacks {word}")
    for word in set(re.findall(r"\[?(-\w|--\w+)\b", usage)):
        check(re.search(rf"^\.(It|Op).* Fl ({word[1:]}|{word[2:]})\b|^\.(It|Op) Fl {re.escape(word[1:])}\b", text, re.M), f"the page lacks {word}")
    if not shutil.which("mandoc") and not shutil.which("man"):
        raise Skip("neither mandoc nor man on this machine")
    line = ["mandoc", "-Tlint", "-W", "warning"] if shutil.which("mandoc") else ["man", "--warnings", "-E", "UTF-8", "-l"]
    done = subprocess.run([*line, str(page)], capture_output=True)
    said = (done.stdout if line[0] == "mandoc" else b"") + done.stderr
    said = [row for row in said.decode().splitlines() if "makewhatis" not in row]
    check(not said, "\n".join(said))

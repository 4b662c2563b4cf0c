"""The host's trace tool (build/trustos-trace) against a server that plays a stream of build/trace-synth: no machine is
booted. Its reader has host tests (tests/unit/test_trace_reader.c); here is the program as one uses it."""
import contextlib
import json
import re
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
        _, said = run("record", "127.0.0.1:1", "-w", "-t", "0.5", "-o", at / "t", code=1)


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


@test()
def the_report_agrees_with_a_second_count():
    stream, _ = synth("events=40000", "cpus=2", "task_names", "seed=5")
    with folder() as at:
        (at / "t.ctf").write_bytes(stream)
        report, _ = run("report", at / "t.ctf")
        names = {int(f["task"]): None for _, _, n, f in parse(at / "t.ctf") if n == "task_name"}
        for m in re.finditer(r"task_name: task=(\d+)\((\w+)\)", run("print", at / "t.ctf")[0]):
            names[int(m[1])] = m[2]
        names[0] = "idle"
        time_of, since, open_calls, calls, irqs, begun = defaultdict(int), {}, {}, defaultdict(list), defaultdict(int), {}
        waits, readies, ready = defaultdict(list), defaultdict(list), {}
        for t, cpu, name, f in parse(at / "t.ctf"):
            since.setdefault(cpu, t)
            if name == "ctx_switch":
                time_of[int(f["prev_task"])] += t - since[cpu]
                since[cpu] = t
                task = f["next_task"]
                if task in ready:
                    readies[int(task)].append(t - ready.pop(task))
                if task in begun:
                    waits[int(task)].append(t - begun.pop(task))
            elif name == "block":
                begun[f["task"]] = t
            elif name == "wakeup":
                ready[f["task"]] = t
                if f["task"] in begun:
                    waits[int(f["task"])].append(t - begun.pop(f["task"]))
            elif name == "ipc_call":
                open_calls[f["task"]] = (t, int(f["op"], 16))
            elif name == "ipc_reply":
                start, op = open_calls.pop(f["caller"])
                calls[names[int(f["caller"])], names[int(f["task"])], hex(op)].append((t - start, int(f["status"]) < 0))
            elif name == "irq_entry":
                irqs[f["vector"]] += 1
    rows = {row[0]: row for row in table(report, "CPU time")}
    check(len(rows) == len(names), report)
    for task, name in names.items():
        if task:
            near(ns(rows[name][1]), time_of[task], f"CPU time of {name}")
    for task, times in readies.items():
        near(ns(rows[names[task]][-1]), max(times), f"longest time ready of {names[task]}")
        near(ns(rows[names[task]][-3]), sorted(times)[len(times) // 2], f"p50 of the time ready of {names[task]}")
    rows = {row[0]: row for row in table(report, "Waits")}
    check(set(rows) == {names[task] for task in waits}, report)
    for task, times in waits.items():
        check(int(rows[names[task]][1]) == len(times), f"waits of {names[task]}: {len(times)}")
        near(ns(rows[names[task]][4]), max(times), f"longest wait of {names[task]}")
        near(ns(rows[names[task]][2]), sorted(times)[len(times) // 2], f"p50 of the waits of {names[task]}")
    rows = {tuple(row[:3]): row for row in table(report, "Calls")}
    check(set(rows) == set(calls), report)
    for key, row in rows.items():
        times = sorted(t for t, _ in calls[key])
        check(int(row[3]) == len(times) and int(row[8]) == sum(failed for _, failed in calls[key]), f"{key}: {row}")
        near(ns(row[5]), times[len(times) // 2], f"p50 of {key}")
        near(ns(row[6]), times[int(0.99 * len(times))], f"p99 of {key}")
        near(ns(row[7]), times[-1], f"longest of {key}")
    for vector, count in irqs.items():
        check(re.search(rf"^  {vector} .*\) +{count} ", report, re.M), f"vector {vector}: {count}")


@test()
def the_report_does_not_guess_across_losses():
    stream, made = synth("events=20000", "drop_every=3")
    report, _ = run("report", "-", data=stream)
    lost = re.findall(r"cpu\d: (\d+) packets, (\d+) events", report)
    check(sum(int(p) for p, _ in lost) == made["lost_packets"] and sum(int(e) for _, e in lost) == made["lost_events"], report)
    check(ns(table(report, "CPU time")[0][-1]) < 1e6, "idle for longer than the machine ever was")
    slowest = max(ns(row[7]) for row in table(report, "Calls"))
    check(slowest < 200e3, f"a call of {slowest} ns: its end was lost")  # none is made that takes longer


@test()
def perfetto_is_json_of_chrome_trace_events():
    stream, made = synth("events=20000", "cpus=2", "task_names")
    with folder() as at:
        run("perfetto", "-", "-o", at / "p.json", data=stream)
        events = json.loads((at / "p.json").read_text())["traceEvents"]
    kinds = defaultdict(list)
    for e in events:
        check({"ph", "pid", "tid", "name"} <= set(e) and (e["ph"] == "M" or e["ts"] >= 0), str(e))
        kinds[e["ph"]].append(e)
    check(set(kinds) == set("XisfbeM"), str(set(kinds)))
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
search('syscall_entry'); probe.none = $('found').textContent;
search('ipc_call task=18(rconsole)'); probe.found = view.matches.length; probe.foundText = $('found').textContent; probe.detail = $('detail').textContent;
actions.next(); probe.second = $('found').textContent;
const lane = laneOfTask.get(18), i = lane.runs.from.findIndex((f, k) => lane.runs.to[k] - f > 20000);
show(lane.runs.from[i] - 1e5, lane.runs.to[i] + 1e5); draw();
pointer('pointerdown', xOf(lane.runs.from[i] + 15000), lane.y + 12); pointer('pointerup', xOf(lane.runs.from[i] + 15000), lane.y + 12);
probe.clicked = $('detail').textContent;
let inked = 0;
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
    stream, made = synth("events=150000", "cpus=2", "task_names")
    with folder() as at:
        run("timeline", "-", "-o", at / "t.html", data=stream)
        html = (at / "t.html").read_text()
        check(not re.search(r"(src|href)=|https?:|@import|url\(", html), "the page fetches something")
        probe = browse(at, html)
        (at / "t.ctf").write_bytes(stream)
        wanted = sum(n == "ipc_call" and f["task"] == "18" for _, _, n, f in parse(at / "t.ctf"))
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
    check("rconsole runs on cpu0" in probe["clicked"], probe["clicked"])
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

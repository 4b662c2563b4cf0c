"""The two ways in which build/trustos-trace draws a trace: the page, in headless Chromium, and Chrome trace events."""
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree
from collections import defaultdict

from harness import SCALE, Skip, check, test
from tracetool import folder, parse, run, synth


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
    for e in [e for e in kinds["s"] if e["pid"] == 2][:2000]:
        check(any(a <= e["ts"] <= b for a, b in slices[e["tid"]]), f"an arrow begins where nothing runs: {e}")


@test()
def perfetto_has_arrows_between_cpus():
    stream, _ = synth("events=6000", "cpus=4", "nodes=2", "seed=4")
    with folder() as at:
        run("perfetto", "-", "-o", at / "p.json", data=stream)
        events = json.loads((at / "p.json").read_text())["traceEvents"]
        (at / "t.ctf").write_bytes(stream)
        wanted = [f for _, _, name, f in parse(at / "t.ctf") if name == "cpu_ipi"]
    names = {e["args"]["name"] for e in events if e["ph"] == "M" and e["pid"] == 1}
    check({"cpu0, node 0", "cpu3, node 1"} <= names, str(names))
    ends = {phase: {e["id"]: e for e in events if e["ph"] == phase and e["pid"] == 1} for phase in "sf"}
    check(set(ends["s"]) == set(ends["f"]), "flows have two ends")
    ipis = [ends["f"][e["id"]]["tid"] for e in ends["s"].values() if e["name"] == "IPI"]
    check(sorted(ipis) == sorted(int(f["to_cpu"]) for f in wanted) and len(ipis) > 100, f"{len(ipis)} interrupts")
    slices = defaultdict(list)
    for e in events:
        if e["ph"] == "X" and e["pid"] == 1 and not e["name"].startswith("irq"):
            slices[e["tid"]].append((e["ts"], e["ts"] + e["dur"], e["name"]))
    moves = [(e, ends["f"][e["id"]]) for e in ends["s"].values() if e["name"] == "migration"]
    check(len(moves) > 100, f"{len(moves)} migrations")
    for begin, end in moves:
        left = {name for a, b, name in slices[begin["tid"]] if a <= begin["ts"] <= b}
        goes_on = {name for a, b, name in slices[end["tid"]] if abs(a - end["ts"]) < 0.0005}
        check(begin["tid"] != end["tid"] and begin["ts"] <= end["ts"] and left & goes_on, f"{begin} {end}: {left} {goes_on}")


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


def browse(at, html, script=PROBE):
    """The page in headless Chromium, with a script that uses it like a hand on the mouse; what that found."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        raise Skip("no chromium on this machine (apt-get install chromium)")
    (at / "probe.html").write_text(html.replace("</body>", script))
    line = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--no-first-run", f"--user-data-dir={at}/profile", "--window-size=1400,600", f"--screenshot={at}/page.png",
            "--virtual-time-budget=5000", "--dump-dom", f"file://{at}/probe.html"]
    done = subprocess.run(line, capture_output=True, timeout=180 * SCALE)
    dom = done.stdout.decode(errors="replace")
    error = re.search(r'data-error="([^"]*)"', dom)
    check(not error, f"the page's script failed: {error and error[1]}")
    found = re.search(r"data-probe=\"([^\"]*)\"", dom)
    check(found, f"the page did not run: {done.stderr.decode()[-500:]}")
    return json.loads(found[1].replace("&quot;", '"').replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))


@test()
def the_timeline_zooms_moves_and_finds_in_chromium():
    stream, made = synth("events=150000", "cpus=2", "task_names", "syscalls")
    with folder() as at:
        run("timeline", "-", "-o", at / "t.html", data=stream)
        html = (at / "t.html").read_text()
        check(not re.search(r"(src|href)=|https?:(?!//www\.w3\.org/2000/svg\")|@import|url\((?!#)", html), "the page fetches something")
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


MACHINE_PROBE = """<script>
addEventListener('error', e => { document.body.dataset.error = e.message; });
const probe = {};
const click = (x, y) => { for (const type of ['pointerdown', 'pointerup']) canvas.dispatchEvent(new PointerEvent(type, { clientX: x, clientY: y + canvas.getBoundingClientRect().top, bubbles: true, pointerId: 1 })); };
probe.lanes = lanes.map(l => l.label).slice(0, 5);
probe.moves = migrations.at.length; probe.ipis = ipis.at.length; probe.locks = trace.locks.length / 3;
probe.boxes = [...document.querySelectorAll('#shows input')].map(box => box.id);
probe.legend = $('legend').textContent;
const row = migrations.at.find(i => trace.migrates[i + 1] > 3e5), from = trace.migrates[row], to = from + trace.migrates[row + 1];
show(from - 5e5, to + 5e5); draw();
click(xOf(from), laneOfCpu.get(trace.migrates[row + 3]).y + 15); probe.clicked = $('detail').textContent;
probe.move = trace.migrates.slice(row, row + 6);
// An interrupt, and a wait for the lock of an idle CPU, with nothing else near them.
const apart = (t, by) => migrations.at.every(i => Math.abs(trace.migrates[i] - t) > by && Math.abs(migrations.end(i) - t) > by);
const ipi = ipis.at.find(i => trace.ipis[i + 1] !== trace.ipis[i + 2] && apart(trace.ipis[i], 5000));
show(trace.ipis[ipi] - 2e4, trace.ipis[ipi] + 2e4); draw();
click(xOf(trace.ipis[ipi]), laneOfCpu.get(trace.ipis[ipi + 1]).y + 15); probe.ipiClicked = $('detail').textContent;
const { locks, runs } = lanes[0], quiet = t => apart(t, 1e5) && spanAt(runs, t) < 0 && ipis.at.every(i => Math.abs(trace.ipis[i] - t) > 6e4);
const n = locks.from.findIndex((f, i) => locks.to[i] - f > 10000 && quiet(f) && spanAt(runs, locks.to[i] + 3e4) < 0);
show(locks.from[n] - 2e4, locks.to[n] + 4e4); draw();
const ink = x => new Set(new Uint32Array(context.getImageData(x, lanes[0].y + 10, 20, 15).data.buffer)).size, x = xOf((locks.from[n] + locks.to[n]) / 2);
probe.lockInk = ink(x); probe.idleInk = ink(xOf(locks.to[n]) + 40);
click(x, lanes[0].y + 15); probe.lockClicked = $('detail').textContent;
show(from - 2e6, to + 2e6); draw();
const pixels = () => context.getImageData(0, 0, canvas.width, canvas.height).data.join(), all = pixels();
probe.svgs = { all: picture(1000, 400) };
for (const kind of ['tasks', 'migrations', 'ipis']) {
  $('show-' + kind).click(); draw();
  probe.svgs[kind] = picture(1000, 400); probe[kind + 'Hidden'] = pixels() !== all;
  $('show-' + kind).click(); draw();
}
probe.back = pixels() === all;
probe.inView = migrations.at.filter(i => trace.migrates[i] < view.to && migrations.end(i) > view.from && trace.migrates[i + 3] !== trace.migrates[i + 4]).length;
probe.ipisInView = ipis.at.filter(i => trace.ipis[i] > view.from && trace.ipis[i] <= view.to && trace.ipis[i + 1] !== trace.ipis[i + 2]).length;
probe.moveColor = colors.move; probe.ipiColor = colors.ipi;
document.body.dataset.probe = JSON.stringify(probe);
</script></body>"""
SVG = "{http://www.w3.org/2000/svg}"


def arrows_in(svg, color):
    """How many arrows of this color a picture has: a line and a head each."""
    return sum(p.get("d").count("M") for p in svg.iter(SVG + "path") if p.get("stroke") == color) / 2


@test()
def migrations_interrupts_and_lock_waits_are_drawn_between_the_lanes_of_cpus():
    stream, _ = synth("events=6000", "cpus=4", "nodes=2", "seed=4")
    with folder() as at:
        run("timeline", "-", "-o", at / "t.html", data=stream)
        probe = browse(at, (at / "t.html").read_text(), MACHINE_PROBE)
        (at / "t.ctf").write_bytes(stream)
        events = [n for _, _, n, _ in parse(at / "t.ctf")]
    counts = [events.count(name) for name in ("migrate", "cpu_ipi", "lock_wait")]
    check([probe["moves"], probe["ipis"], probe["locks"]] == counts and min(counts) > 100, f"{counts}")
    check(probe["lanes"][:4] == ["cpu0", "cpu1", "cpu2", "cpu3"] and probe["boxes"] == ["show-tasks", "show-migrations", "show-ipis"], f"{probe['lanes']} {probe['boxes']}")
    check(all(word in probe["legend"] for word in ("lock", "migrates", "IPI")), probe["legend"])
    _, length, task, a, b, _ = probe["move"]
    check(re.match(rf"work{task} goes from cpu{a} to cpu{b}: (\w+), at home on node \d\nafter ", probe["clicked"]), probe["clicked"])
    check(re.search(r"cpu\d interrupts cpu\d: (wake|flush|leave)$", probe["ipiClicked"]), probe["ipiClicked"])
    check(probe["lockClicked"].startswith("cpu0 waits for the kernel lock\n") and probe["lockInk"] > 2 * probe["idleInk"], f"{probe['lockClicked']} {probe['lockInk']} {probe['idleInk']}")
    check(probe["tasksHidden"] and probe["migrationsHidden"] and probe["ipisHidden"] and probe["back"], "the check boxes")
    svgs = {kind: xml.etree.ElementTree.fromstring(text) for kind, text in probe["svgs"].items()}
    legend = 1  # has one of each too
    check(arrows_in(svgs["all"], probe["moveColor"]) - legend == probe["inView"] > 5, f"{probe['inView']} migrations in view")
    check(arrows_in(svgs["all"], probe["ipiColor"]) - legend == probe["ipisInView"] > 5, f"{probe['ipisInView']} interrupts in view")
    check(arrows_in(svgs["migrations"], probe["moveColor"]) <= legend and arrows_in(svgs["ipis"], probe["ipiColor"]) <= legend, "hidden ones in the picture")
    texts = {t.text for t in svgs["all"].iter(SVG + "text")}
    check({"cpu0", "cpu3", "node 0", "node 1"} <= texts and any(text.startswith("work") for text in texts), str(texts))


@test()
def names_in_a_page_are_text_and_never_markup():
    stream, _ = synth("events=300")
    stream = stream.replace(b'"synth"', b'"</scr"').replace(b'"log_line"', b'"<script>"')
    with folder() as at:
        run("timeline", "-", "-o", at / "t.html", data=stream)
        html = (at / "t.html").read_text()
        check("</scr\"" not in html and html.count("<script") == 2 and "\\u003cscript>" in html, "it ends the script")

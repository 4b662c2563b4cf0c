"""What `trustos-trace report` says of processors and of the scheduler's promises: against a second count, with and without
losses, and against a machine's own counters."""
import functools
import json
import re
import threading
from collections import Counter, defaultdict
from dataclasses import replace

import mixed
from harness import CHARGEN, Boot, Machine, check, test
from test_boot import numa
from test_trace_counts import NONE, drained
from trace_reader import Reader, generate, pinging, record_classes
from tracetool import folder, parse, run, synth

WORDS = ("cpus=4", "nodes=2", "seed=11")
IPIS = ("wake", "flush", "leave", "starving")


class SecondCount:
    """Goes from event to event with the whole state, where the tool compares stretches of time afterwards."""

    def __init__(self, path, end_ns):
        self.counts, self.lock, self.hold = Counter(), [], []
        self.node, self.running, self.ready, self.place = {}, {}, {}, {}
        self.open, self.pairs, self.time = {}, [], Counter()
        self.waits = defaultdict(list)  # by task: when it was ready
        self.idles = defaultdict(list)  # by CPU: when it was idle
        events = list(parse(path))
        for t, cpu, name, f in events:  # who runs at first: the first switch or interrupt says it
            if name == "ctx_switch" or name == "irq_entry":
                self.running.setdefault(cpu, int(f["prev_task" if name == "ctx_switch" else "task"]))
        self.cpus = sorted(self.running)
        self.begin, self.born = {}, {}  # born: in whose queue a task is at first, where it runs or leaves first
        for t, cpu, name, f in events:
            if name == "migrate":
                self.born.setdefault(int(f["task"]), int(f["from_cpu"]))
            elif name == "ctx_switch":
                self.born.setdefault(int(f["next_task"]), cpu)
        for t, cpu, name, f in events:
            self.begin.setdefault(cpu, t)
        self.since = dict(self.begin)
        for t, cpu, name, f in events:
            self.now = t
            getattr(self, "on_" + name, lambda *unused: None)(cpu, f)
            self.look()
        self.now = end_ns
        for cpu in self.cpus:
            self.spend(cpu)
        self.ready = {}
        self.look()

    def spend(self, cpu):
        busy = self.running[cpu] != 0
        self.time[cpu, busy] += self.now - self.since[cpu]
        if not busy:
            self.idles[cpu].append((self.since[cpu], self.now))
        self.since[cpu] = self.now

    def look(self):
        """Which CPU is idle beside which task that is ready, elsewhere (True) or in its own queue."""
        is_now = {(cpu, task, place != cpu) for cpu in self.cpus if not self.running[cpu]
                  for task, place in self.ready.items() if self.now >= self.begin[cpu]}
        for key in [key for key in self.open if key not in is_now]:
            start = max(self.open.pop(key), self.begin[key[0]])
            if self.now > start:
                self.pairs.append((*key, start, self.now))
        for key in is_now:
            self.open.setdefault(key, self.now)

    def becomes_ready(self, task):
        self.ready[task] = self.place.get(task)
        self.waits[task].append([self.now, None])

    def no_longer(self, task):
        if self.ready.pop(task, 0) != 0:
            self.waits[task][-1][1] = self.now

    def on_cpu_node(self, cpu, f):
        self.node[int(f["cpu"])] = int(f["node"])

    def on_task_start(self, cpu, f):
        self.place[int(f["task"])] = self.born.get(int(f["task"]))
        self.becomes_ready(int(f["task"]))

    def on_wakeup(self, cpu, f):
        self.becomes_ready(int(f["task"]))

    def on_task_exit(self, cpu, f):
        self.no_longer(int(f["task"]))

    def on_migrate(self, cpu, f):
        task, a, b = int(f["task"]), int(f["from_cpu"]), int(f["to_cpu"])
        self.counts["migrations_" + f["reason"]] += 1
        self.counts["far"] += self.node[a] != self.node[b]
        self.place[task] = b
        if task in self.ready:
            self.ready[task] = b

    def on_cpu_ipi(self, cpu, f):
        self.counts["ipis_" + f["reason"]] += 1

    def on_lock_wait(self, cpu, f):
        self.lock.append(int(f["waited_ns"]))

    def on_lock_hold(self, cpu, f):
        self.hold.append(int(f["held_ns"]))

    def on_ctx_switch(self, cpu, f):
        prev, task = int(f["prev_task"]), int(f["next_task"])
        check(self.running[cpu] == prev, f"cpu {cpu} leaves task {prev} while it runs {self.running[cpu]}")
        self.spend(cpu)
        self.counts["switches"] += 1
        if f["reason"] in ("urgent", "slice"):
            self.becomes_ready(prev)
        self.running[cpu] = task
        if task:
            self.no_longer(task)
            self.place[task] = cpu


def figures(*words, data=None):
    return {name: float(value) for name, value, _ in (line.split() for line in run("report", "--figures", *words, data=data)[0].splitlines())}


@functools.cache
def whole():
    """A trace in which nothing is lost: its stream, figures, report and second count."""
    stream, made = synth("events=30000", *WORDS)
    with folder() as at:
        (at / "t.ctf").write_bytes(stream)
        return figures(at / "t.ctf"), run("report", at / "t.ctf")[0], SecondCount(at / "t.ctf", made["end_ns"])


def rows(report, title):
    """What stands below a heading of idle CPUs: (CPU, task, from, to) in ns, and for how long."""
    part = report.split(title)[1].split("\n\n")[0]
    unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    for cpu, number, u, at, task, place in re.findall(r"^  cpu(\d+) +([\d.]+) (\w+) +([\d.]+) +work(\d+) +(\w+)", part, re.M):
        yield int(cpu), int(task), round(float(at) * 1e9), float(number) * unit[u], place


ELSEWHERE, OWN = "waited elsewhere: longest first", "waited there: longest first"


@test()
def the_figures_of_processors_agree_with_a_second_count():
    said, _, count = whole()
    check(said["cpus"] == 4 and said["cpus_unknown"] == said["lost_events"] == 0, str(said))
    check(said["switches"] == count.counts["switches"] > 1000, f"{count.counts['switches']} switches")
    for key in ["ipis_" + reason for reason in IPIS] + [key for key in count.counts if key.startswith("migrations_")]:
        check(said[key] == count.counts[key], f"{key}: {said[key]} and not {count.counts[key]}")
    check(count.counts["migrations_steal_far"] > 100 and count.counts["ipis_leave"] > 10, str(count.counts))
    near, far = count.counts["migrations_steal_near"], count.counts["migrations_steal_far"]
    check((said["steals_near"], said["steals_far"]) == (near, far), "steals")
    check(abs(said["steals_far_share"] - 100 * far / (near + far)) < 1e-9, str(said["steals_far_share"]))
    check((said["lock_waits"], said["lock_holds"]) == (len(count.lock), len(count.hold)), "the lock")
    for key, wanted in (("lock_waited_us", sum(count.lock)), ("lock_wait_longest_us", max(count.lock)), ("lock_hold_longest_us", max(count.hold))):
        check(abs(said[key] * 1e3 - wanted) < 1, f"{key}: {said[key]} and not {wanted} ns")
    busy = sum(ns for (_, is_busy), ns in count.time.items() if is_busy)
    check(abs(said["busy"] - 100 * busy / sum(count.time.values())) < 1e-9, f"busy {said['busy']} percent")


@test()
def the_longest_time_a_cpu_was_idle_beside_a_ready_task_agrees_with_a_second_count():
    said, report, count = whole()
    check(said["ready_not_counted"] == 0, "nothing is lost")
    for key, title, elsewhere in (("idle_while_ready", ELSEWHERE, True), ("idle_own_ready", OWN, False)):
        pairs = sorted((b - a, cpu, task, a) for cpu, task, where, a, b in count.pairs if where == elsewhere)
        check(abs(said[key + "_longest_us"] * 1e3 - pairs[-1][0]) < 1, f"{key}: {said[key + '_longest_us']} us and not {pairs[-1]}")
        check(said[key + "_over_2ms"] == sum(ns > 2e6 for ns, *_ in pairs) > 3, f"{key}: longer than 2 ms")
        listed = [(cpu, task, at) for cpu, task, at, _, _ in rows(report, title)]
        wanted = [(cpu, task, at) for ns, cpu, task, at in reversed(pairs[-8:])]
        check(listed == wanted and len(listed) == 8, f"{title}: {listed} and not {wanted}")
    check(all(place != f"cpu{cpu}" for cpu, _, _, _, place in rows(report, ELSEWHERE)), "it waited in its own queue")


@test()
def tasks_that_may_not_run_on_a_cpu_are_left_out_by_name_and_number():
    stream, _ = synth("events=30000", *WORDS)
    said, report, count = whole()
    for task in ("work13", "13"):
        pinned = run("report", "--pinned", f"{task}=0x2", "-", data=stream)[0]
        check({cpu for cpu, who, *_ in rows(pinned, ELSEWHERE) if who == 13} <= {1}, pinned)
    all_of_them = [word for task in count.waits for word in ("--pinned", f"{task}=0xfffffffffffffff0")]
    none = figures(*all_of_them[:120], "-", data=stream)
    check(none["idle_while_ready_over_2ms"] < said["idle_while_ready_over_2ms"], "60 tasks are pinned elsewhere")
    for wrong in ("work13", "nobody=1", "work13=0", "work13=x", "=1", "work13=-1", "13=", "work13=0x1ffffffffffffffff"):
        _, why = run("report", "--pinned", wrong, "-", data=stream, code=2)
        check(f"--pinned {wrong} is no TASK=MASK" in why, why)


@test()
def a_trace_with_losses_claims_nothing_that_the_whole_one_denies():
    _, _, truth = whole()
    claims = 0
    for every in (2, 3, 4, 6, 9):
        stream, made = synth("events=9000", *WORDS, f"drop_every={every}")
        check(made["lost_events"] > 100, str(made))
        report = run("report", "-", data=stream)[0]
        check(figures("-", data=stream)["ready_not_counted"] > 0, "of some nobody knows")
        for title in (ELSEWHERE, OWN):
            for cpu, task, at, ns, place in rows(report, title):
                claims += 1
                to = at + ns * 0.99  # three digits are shown
                check(any(a <= at and to <= b for a, b in truth.idles[cpu]), f"cpu{cpu} was not idle from {at} for {ns}: every {every}")
                check(any(a <= at and (b is None or to <= b) for a, b in truth.waits[task]), f"{task} was not ready at {at} for {ns}: every {every}")
    check(claims > 40, f"only {claims} claims")


@test()
def of_a_broken_trace_or_an_old_kernels_no_promise_is_computed():
    stream, _ = synth("events=9000", *WORDS)
    at = stream.index(b"\xc1\x1f\xfc\xc1") + 3 * 4096
    broken = stream[:at] + b"oops" + stream[at + 4:]
    for data, code in ((broken, 1), (stream.replace(b'"migrate"', b'"migrant"'), 0)):
        out = run("report", "-", data=data, code=code)[0]
        check("A CPU idle while a task was ready: not known" in out and ELSEWHERE not in out, out)
        said = run("report", "--figures", "-", data=data, code=code)[0]
        check("idle_while_ready" not in said and "switches" in said, said)


def counters(machine):
    """Of all CPUs together, as `numa` has them."""
    cpus = [cpu for node in json.loads(machine.once(b"numa --json\n"))["numa"]["nodes"] for cpu in node["cpus"]]
    return {key: sum(cpu[key] for cpu in cpus) for key in ("steals_near", "steals_far", "migrations")}


def load(machine):
    """Of all kinds at once."""
    def bulk():
        with machine.connect(CHARGEN) as c:
            c.read_exactly(1 << 19)

    def asks():
        for words in ("tasks", "memory", "network", "services", "numa"):
            machine.ask(words)
    threads = [threading.Thread(target=work) for work in (bulk, asks, lambda: pinging(machine, 1), lambda: generate(machine, 20000, 4000))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@test()
def the_trace_of_two_nodes_of_two_cpus_agrees_with_the_machines_counters():
    with Machine(replace(numa("cpus=0-1,mem=128", "cpus=2-3,mem=128"), append="netbench tracegen", icount=True)) as machine:
        machine.wait_console()
        reader = Reader(machine)
        load(machine)
        before = counters(machine)
        record_classes(machine, NONE)
        after = counters(machine)
        drained(reader)
    with folder() as at:
        (at / "t.ctf").write_bytes(reader.data)
        said, report = figures(at / "t.ctf"), run("report", at / "t.ctf")[0]
        names = [f for _, _, name, f in parse(at / "t.ctf") if name == "task_name"]
    check(said["lost_events"] == said["cpus_unknown"] == 0 and said["cpus"] == 4, str(said))
    said["migrations"] = sum(n for key, n in said.items() if key.startswith("migrations_"))
    for key in before:
        check(before[key] <= said[key] <= after[key], f"{said[key]} {key} in the trace, {before[key]} to {after[key]} by the kernel's count")
    check(said["migrations"] > 10 and said["ipis_wake"] > 10 and said["switches"] > 1000, str(said))
    nodes = re.findall(r"^  cpu(\d) +(\d) .* %", report.split("\nProcessors\n")[1], re.M)
    check(nodes == [("0", "0"), ("1", "0"), ("2", "1"), ("3", "1")], report)
    check({f["node"] for f in names} == {"0", "1"}, "homes of tasks")


@test()
def a_mixed_load_on_two_nodes_is_spread_as_promised():
    seen = mixed.trace(500, 1)
    said = figures(*seen.part(), "-", data=seen.stream)
    report = run("report", *seen.part(), "-", data=seen.stream)[0]
    tasks = set(re.findall(r"^  (job|poll|ask|answer|urgent)\d ", report, re.M))
    check(tasks == {"job", "poll", "ask", "answer", "urgent"} and said["busy"] > 50, f"the load is {tasks}, the CPUs {said['busy']} % busy")
    check(said["lost_events"] == said["cpus_unknown"] == 0 and said["ready_not_counted"] < 20, str(said))
    check(said["steals_near"] > 50 and said["ipis_wake"] > 100, str(said))
    check(said["idle_while_ready_longest_us"] <= 2000 and said["idle_own_ready_longest_us"] <= 2000, f"a CPU was idle beside a task that was ready: {report}")
    with folder() as at:
        (at / "t.ctf").write_bytes(seen.stream)
        count, longest = SecondCount(at / "t.ctf", seen.end_s * 1e9), figures(at / "t.ctf")["idle_while_ready_longest_us"]
    again = max(b - a for _, _, elsewhere, a, b in count.pairs if elsewhere) / 1e3
    check(abs(longest - again) < 0.001, f"idle for {longest} us, by the second count {again}")
    check(said["steals_far_share"] < 5, f"taken over by the other node: {said['steals_far_share']} %")


@test()
def a_mixed_load_wants_to_know_for_how_long():
    for value in ("0", "x", "5:", "1000000001", "99999999999999999999", "1:x"):
        with Machine(Boot(append=f"mixload={value}")) as machine:
            machine.wait_serial(r"MIXLOAD: say mixload=MILLISECONDS", 60)

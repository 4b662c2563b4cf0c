"""How each figure is measured, the same way for TRustOs and for the rival: a fresh boot each, the same QEMU, the same
load generator; medians.  The load generator and the boot probe are the rival's own (shared/bench/linux)."""
import functools
import itertools
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
import harness  # noqa: E402
import trace_reader  # noqa: E402
from harness import BUILD, CONSOLE, ROOT, SCALE, Boot, Failure, Machine, Skip  # noqa: E402

RUNS = int(os.environ.get("RUNS", "3"))
BYTES = os.environ.get("BYTES", "256M")
RTTS, CONNECTIONS = os.environ.get("N_RTT", "10000"), os.environ.get("N_CONN", "1000")
QUIET_S = int(os.environ.get("QUIET_S", "20"))
LOAD_SOURCE = Path(os.environ.get("BENCH_LINUX", ROOT / "../shared/bench/linux"))
LOAD = BUILD / "bench-linux"
STATIC = "ip=10.0.2.15/24,10.0.2.2"
CALIBRATION_LIMIT = 0.02
TRACE_RATES, TRACE_S = (200_000, 400_000, 800_000, 1_600_000), 3
ALL_CLASSES, TCP_RUNS = 0x3ff, 12
IPC_BASE = 445.6  # ipc_call_reply_4w at c08b5c1, the last commit without the kernel lock: one processor only
UNITS = {"ipc_call_reply_4w": "insn", "ipc_call_reply_4w_over_base": "ratio", "ipc_call_reply_4w_smp": "insn",
         "ipc_cross_cpu_ipi": "insn", "ipc_cross_cpu_no_ipi": "insn", "ipc_cross_cpu_ipi_over_same": "ratio",
         "ipc_cross_cpu_no_ipi_over_same": "ratio", "ipc_pairs_2cpu": "ratio",
         "ipc_batch64_msg": "insn", "ipc_batch64_msg_empty": "insn",
         "cap_mint": "insn", "cap_mint_sender": "insn", "cap_close": "insn", "cap_revoke_each": "insn",
         "cap_revoke_each_chain": "insn", "rights_check": "insn",
         "syscall_null": "insn", "trace_event_on": "insn", "trace_event_on_2w": "insn", "trace_event_off": "insn",
         "ipc_call_reply_4w_untraced": "insn", "ipc_call_reply_4w_traced": "insn", "ipc_traced_ratio": "ratio",
         "boot_to_listen": "ms", "mem_min": "MiB", "iso_size": "bytes",
         "kernel_size": "bytes", "services_size": "bytes", "first_byte": "ms", "first_byte_iso": "ms",
         "echo64_p50": "us", "echo64_p99": "us", "conn_rate": "per_s", "tcp_in": "MB/s", "tcp_out": "MB/s",
         "idle": "percent", "trace_stream_rate": "per_s", "trace_tcp_ratio": "ratio",
         "trace_tcp_cost": "percent", "idle_while_ready": "us", "steals_far": "percent", "frames_far": "percent"}
LOWER_IS_BETTER = {"insn", "ms", "MiB", "bytes", "us", "percent"}


def note(text):
    print(f"# {text}", file=sys.stderr, flush=True)


def show(name, value, prefix=""):
    unit = UNITS[name]
    text = f"{value:.0f}" if unit == "bytes" or value >= 1000 else f"{value:.4g}"
    print(f"{prefix}{name} {text} {unit}", flush=True)


def wait_until_quiet():
    """Until both processors are 85 % idle for a second, at most QUIET_S."""
    def times():
        fields = [int(x) for x in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return fields[3] + fields[4], sum(fields)
    for _ in range(QUIET_S):
        idle, total = times()
        time.sleep(1)
        idle_after, total_after = times()
        if idle_after - idle >= 0.85 * (total_after - total):
            return
    note(f"the machine was not quiet within {QUIET_S} s (load {os.getloadavg()[0]:.1f})")


# ---- the load generator ----
@functools.cache
def load_tools(images=False):
    """build/bench-linux with netload and bootprobe built, and with images=True the rival's kernel and initrd."""
    if not LOAD.exists():
        if not (LOAD_SOURCE / "netload.c").exists():
            raise Skip(f"{LOAD_SOURCE} is not there: no load generator (set BENCH_LINUX)")
        shutil.copytree(LOAD_SOURCE, LOAD)
        LOAD.chmod(0o755)  # the source may be read-only
    out = LOAD / "out"
    out.mkdir(exist_ok=True)
    for tool in ("netload", "bootprobe"):
        if not (out / tool).exists():
            subprocess.run(["gcc", "-O2", "-static", "-s", "-o", out / tool, LOAD / f"{tool}.c"], check=True)
    if images and not (out / "cloud-fast16.iso").exists():
        note("building the rival: Debian's kernels are fetched with apt-get download")
        done = subprocess.run([LOAD / "build.sh"], capture_output=True, text=True)
        if done.returncode:
            raise Skip(f"the rival does not build: {done.stderr[-500:]}")
    return out


def netload(machine, port, *words):
    """One run of the load generator: its "key=value" words."""
    line = [load_tools() / "netload", "127.0.0.1", str(machine.ports[port]), *words]
    done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "NETLOAD_TIMEOUT": "120"})
    if done.returncode:
        raise Failure(f"netload {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return dict(word.split("=", 1) for word in done.stdout.split() if "=" in word)


# ---- the two systems ----
def ours(**changes):
    return replace(Boot(append=f"netbench {STATIC}", kernel=str(BUILD / "kernel.elf"),
                        initrd=str(BUILD / "services.tar")), **changes)


@functools.cache
def rival_words():
    return subprocess.run(["bash", "-c", f". {LOAD}/lib.sh; echo $KARGS rdinit=/hl $FASTARGS"], check=True,
                          capture_output=True, text=True).stdout.strip()


def rival(**changes):
    """Its fastest variant: Debian's cloud kernel, one static C program as init, static address, no mitigations."""
    out = load_tools(images=True)
    return replace(Boot(append=rival_words(), kernel=str(out / "vmlinuz-cloud"),
                        initrd=str(out / "fast-cloud.cpio.gz")), **changes)


# ---- one boot, several network figures ----
def network_once(boot):
    wait_until_quiet()
    with Machine(boot) as machine:
        machine.wait_echo()
        time.sleep(1)
        rtt = netload(machine, 7, "rtt", RTTS, "64", "1000")
        conn = netload(machine, 7, "conn", CONNECTIONS)
        if conn["errors"] != "0":
            raise Failure(f"{conn['errors']} connections failed")
        into = netload(machine, 9, "send", BYTES)
        out = netload(machine, 19, "recv", BYTES)
        time.sleep(2)
        before = machine.cpu_seconds()
        time.sleep(5)
        idle = (machine.cpu_seconds() - before) / 5
    return {"echo64_p50": float(rtt["p50_us"]), "echo64_p99": float(rtt["p99_us"]),
            "conn_rate": float(conn["conn_per_s"]), "tcp_in": float(into["MB_per_s"]),
            "tcp_out": float(out["MB_per_s"]), "idle": idle * 100}


# ---- the trace ----
def trace_once():
    wait_until_quiet()
    with Machine(ours(append=f"netbench tracegen {STATIC}", initrd=str(BUILD / "services-test.tar"))) as machine:
        machine.wait_echo()
        return {"trace_stream_rate": stream_rate(machine), "trace_tcp_ratio": tcp_ratio(machine)}


def stream_rate(machine):
    """Events a second that one reader got without a loss while the console was asked, the most that was tried."""
    best = 0.0
    for rate in TRACE_RATES:
        reader, made = trace_reader.Reader(machine), []
        harness.wait_for(lambda: len(reader.data) > 8192, 60, "the stream")
        load = threading.Thread(target=lambda: made.append(trace_reader.generate(machine, rate, rate * TRACE_S)))
        load.start()
        while load.is_alive():
            machine.ask("memory")
        time.sleep(1)
        stream, (first, reached) = reader.stop(), made[0]
        came = sum(first <= n < first + rate * TRACE_S for n in stream.generated())
        note(f"{reached:.0f} events/s: {came} of {rate * TRACE_S} came, {stream.lost()} were told as lost")
        if stream.lost() or came != rate * TRACE_S:
            break
        best = max(best, reached)
    return best


def tcp_cost():
    """How many more instructions a megabyte takes with all classes recorded than with none, in percent; the worse way.
    Counted, all tasks together, so what else this machine does has no part in it."""
    with Machine(ours(append=f"netbench tracegen nopoll {STATIC}", initrd=str(BUILD / "services-test.tar"), icount=True)) as machine:
        machine.wait_echo()
        costs = []
        for port, way in ((9, "send"), (19, "recv")):
            spent = {0: [], ALL_CLASSES: []}
            for i in range(2 * TCP_RUNS):
                mask = (0, ALL_CLASSES)[(i + i // 2) % 2]
                trace_reader.record_classes(machine, mask)
                before = trace_reader.cpu_ns(machine)
                netload(machine, port, way, "8M")
                spent[mask].append(trace_reader.cpu_ns(machine) - before)
            none, every = (statistics.median(spent[mask]) for mask in (0, ALL_CLASSES))
            note(f"{way}: {none / 8e6:.3f} instructions a byte with none recorded, {every / 8e6:.3f} with all")
            costs.append((every / none - 1) * 100)
    return {"trace_tcp_cost": max(costs)}


def tcp_ratio(machine):
    """Throughput with all classes recorded / with none: the best of runs in turn each way, the worse of the two ways.
    (The best, for what else this machine does only ever takes away.)"""
    ratios = []
    for port, way in ((9, "send"), (19, "recv")):
        best = {0: 0.0, ALL_CLASSES: 0.0}
        for i in range(2 * TCP_RUNS):
            mask = (0, ALL_CLASSES)[(i + i // 2) % 2]
            trace_reader.record_classes(machine, mask)
            best[mask] = max(best[mask], float(netload(machine, port, way, "32M")["MB_per_s"]))
        note(f"{way}: {best[ALL_CLASSES]:.1f} MB/s with all classes recorded, {best[0]:.1f} with none")
        ratios.append(best[ALL_CLASSES] / best[0])
    return min(ratios)


def our_iso():
    """The shipping image but for its boot line: echo port and static address, as the rival's has."""
    folder = BUILD / "bench-iso"
    folder.mkdir(exist_ok=True)
    (folder / "grub.cfg").write_text((ROOT / "boot/grub.cfg").read_text().replace("@BOOT@", f"netbench {STATIC}"))
    subprocess.run([ROOT / "boot/iso.sh", folder / "grub.cfg", BUILD / "kernel.elf", BUILD / "services.tar",
                    folder / "trustos.iso"], check=True, stdout=subprocess.DEVNULL)
    return str(folder / "trustos.iso")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def first_byte_once(boot):
    """ms from QEMU's start to the first byte that comes back on the echo port."""
    wait_until_quiet()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        line = [harness.QEMU, "-accel", "tcg", "-M", boot.machine, "-cpu", boot.cpu, "-m", str(boot.mem), "-smp", "1",
                "-nodefaults", "-vga", "none", "-display", "none", "-no-reboot", "-serial", "stdio",
                "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{port}-:7",
                "-device", f"{boot.nic},netdev=n0,romfile="]
        if boot.how == "kernel":
            line += ["-kernel", boot.kernel, "-initrd", boot.initrd, "-append", boot.append]
        else:
            line += ["-cdrom", boot.how]
        done = subprocess.run([load_tools() / "bootprobe", str(port), str(60 * SCALE), f"{folder}/log", "--", *line],
                              capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"no first byte: {done.stdout.strip()} {done.stderr.strip()}")
    return float(re.search(r"\bms=(\d+)", done.stdout)[1])


# ---- memory, sizes, guest time, instructions ----
def works_with(boot, mem, port):
    """Does a machine with `mem` MiB serve `port`?"""
    try:
        with Machine(replace(boot, mem=mem)) as machine:
            if port == CONSOLE:
                machine.wait_console(20)
                return "free" in machine.ask("memory", 20)
            machine.wait_echo(20)
            return True
    except (Failure, OSError):
        return False


def smallest_memory(boot, port, low=4, high=192):
    """The least -m at which `port` is served three times of three; bisection first, then upwards."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works_with(boot, middle, port) else (middle, high)
    while not all(works_with(boot, high, port) for _ in range(3)):
        high += 1
        if high > 256:
            raise Failure("it serves with no size up to 256 MiB")
    return high


def stripped_size(path):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["strip", "-s", "-o", file.name, path], check=True)
        return os.path.getsize(file.name)


def boot_to_listen_once():
    """Guest ms since kernel entry at which rconsole's log line says that it listens."""
    wait_until_quiet()
    with Machine(ours(append=STATIC)) as machine:
        m = machine.wait_serial(r"^\[\s*(\d+)\.(\d+)\][^\n]*\brconsole\b[^\n]*\blisten")
        return float(f"{m[1]}.{m[2]}") * 1000


LOOK = re.compile(r"(test|cmp|mov|movzx) .*\[.*<(?:trace_mask|trace_short)>")


def look_length(code):
    """The instructions of one look at the trace's mask, with which `code` begins: the test and the branch, and the load
    before them; 0: the mask is read for something else."""
    ahead = list(itertools.takewhile(lambda line: not line.startswith(("jmp", "call", "ret")), code))
    tests = [i for i, line in enumerate(ahead) if line.startswith("test") or i == 0 and line.startswith("cmp")]
    branches = [i for i, line in enumerate(ahead) if line.startswith("j")]
    if not tests or not branches or branches[0] < tests[0]:
        return 0
    return 2 if tests[0] == 0 else 3


def disabled_event():
    """Instructions that an event costs whose class is off: the longest look at the mask in kernel.elf."""
    text = subprocess.run(["objdump", "-D", "-j", ".text", "--no-show-raw-insn", "-M", "intel", BUILD / "kernel.elf"],
                          check=True, capture_output=True, text=True).stdout
    lines = re.findall(r"^\s*[0-9a-f]+:\t(.*)", text, re.M)
    code = [" ".join(line.split()) for line in lines]
    looks = [look_length(code[i:i + 12]) for i, line in enumerate(code) if LOOK.match(line)]
    if sum(n > 0 for n in looks) < 20:
        raise Failure(f"only {len(looks)} places in the kernel look at the trace's mask")
    return max(looks)


def bench_rows(boot):
    """{name: value} of the lines "BENCH name value unit" that a benchmark task logs."""
    with Machine(replace(boot, initrd=str(BUILD / "services-test.tar"))) as machine:
        machine.wait_serial(r"BENCH (done|failed)|(ipc|smp)bench: ended", 300)
        text = machine.serial()
    if "BENCH done" not in text:
        raise Failure(f"the benchmark failed: {text[-500:]}")
    return {name: float(value) for name, value in re.findall(r"BENCH (\w+) ([\d.]+) \w+", text)}


def check_calibration(rows):
    calibration = rows.pop("calibration")
    note(f"calibration: a loop of known length takes {calibration} ns of guest time per instruction")
    if abs(calibration - 1) > CALIBRATION_LIMIT:
        raise Failure(f"calibration is off: {calibration} ns per instruction in place of 1")


@functools.cache
def instructions():
    """{name: instructions} of ipcbench, after its calibration was found right."""
    figures = bench_rows(ours(append=f"bench {STATIC}", icount=True))
    check_calibration(figures)
    if figures.pop("batch_messages_per_receive") != 64:
        note("not every batch of 64 was received by one receive")
    figures["ipc_call_reply_4w_over_base"] = figures["ipc_call_reply_4w"] / IPC_BASE
    figures["trace_event_off"] = disabled_event()
    for name in ("trace_event_on", "trace_event_on_2w"):  # measured as a difference, in which the check is not
        figures[name] += figures["trace_event_off"]
    return figures


def rival_instructions():
    """Linux: getppid, and the cheapest way to hand eight bytes to another process and back."""
    load_tools(images=True)
    env = {**os.environ, "RUNS": "1", "ARGSETS": "mitigations=off init_on_alloc=0 lsm= audit=0 psi=0"}
    text = subprocess.run([LOAD / "ipc.sh", "icount"], env=env, capture_output=True, text=True).stdout
    rows = dict(re.findall(r"^ipc_insn (\w+)\s+.*?median=([\d.]+)", text, re.M))
    if "getppid" not in rows:
        raise Failure(f"the rival's ipc.sh failed: {text[-300:]}")
    return {"syscall_null": float(rows["getppid"]), "ipc_call_reply_4w": float(rows["pipe_8B"])}


class Table:
    """Values by name; a median each."""

    def __init__(self):
        self.values = {}

    def add(self, figures):
        for name, value in figures.items():
            self.values.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.values[name])

    def best(self, name):
        return (min if UNITS[name] in LOWER_IS_BETTER else max)(self.values[name])

    def show(self, prefix=""):
        for name in UNITS:
            if name in self.values:
                show(name, self.median(name), prefix)


def attempt(trouble, what, function, *arguments):
    """function(*arguments), or None with its failure noted: one figure that can't be had does not hide the others."""
    try:
        return function(*arguments)
    except Skip as why:
        note(f"{what} skipped: {why}")
    except Exception as error:
        note(f"{what} FAILED: {type(error).__name__}: {error}")
        trouble.append(what)
    return None

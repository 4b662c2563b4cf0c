"""The host's trace tool (build/trustos-trace) against a server that plays a stream of build/trace-synth: no machine is
booted. Its reader has host tests (tests/unit/test_trace_reader.c); here is the program as one uses it: recording, printing,
the command line. test_trace_report.py and test_trace_timeline.py have what it shows."""
import contextlib
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import ROOT, SCALE, Skip, check, test
from tracetool import TOOL, folder, run, synth


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

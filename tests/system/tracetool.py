"""What the tests of build/trustos-trace share: streams of build/trace-synth, and the tool run on them."""
import contextlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import BUILD, SCALE, check

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


LINE = re.compile(r"\[ *(\d+)\.(\d{9})\] \S+ +cpu(\d+) (\w+): (.*)")


def parse(path):
    """Events from what `print` says: time, cpu, name, fields."""
    for line in run("print", path)[0].splitlines():
        m = LINE.match(line)
        if m and m[4] != "LOST":
            fields = dict(re.findall(r"(\w+)=(-?\w+)", m[5]))
            yield int(m[1]) * 10**9 + int(m[2]), int(m[3]), m[4], fields

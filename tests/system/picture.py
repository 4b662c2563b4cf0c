#!/usr/bin/env python3
"""tests/system/picture.py FILE.svg: the picture of docs/scheduling.md (`make docs/scheduling.svg`): some milliseconds of a mixed
load on two nodes of two CPUs, drawn by trustos-trace from the trace that the machine made. Needs chromium."""
import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import mixed  # noqa: E402
from tracetool import folder, parse, run  # noqa: E402

LOAD_MS, SEED, WIDTH, HEIGHT = 300, 4, 1100, 330
VIEW_NS, STEP_NS, ARROWS = 3_000_000, 50_000, 20  # more arrows are hard to follow


def worth(events, start):
    """A stretch shows much in which tasks go elsewhere for many reasons, also to another node and back, not at its edge, and few
    arrows in all."""
    inner = [f for t, name, f in events if name == "migrate" and VIEW_NS / 8 < t - start < VIEW_NS * 7 / 8]
    reasons = {f["reason"] for f in inner}
    far = sum((int(f["from_cpu"]) < 2) != (int(f["to_cpu"]) < 2) for f in inner)
    return 3 * len(reasons) + 6 * min(far, 3) - max(0, len(events) - ARROWS) / 4


def best(path, begin_s, end_s):
    """Where the stretch begins that shows most."""
    events = [(t, name, f) for t, _, name, f in parse(path) if name in ("migrate", "cpu_ipi")]
    starts = range(int(begin_s * 1e9), int(end_s * 1e9) - VIEW_NS, STEP_NS)
    return max(starts, key=lambda start: worth([e for e in events if start <= e[0] < start + VIEW_NS], start))


def draw(path, start, at):
    """The page's picture of the stretch: the page itself writes it, when it is asked for in its address."""
    run("timeline", "--from", (start - VIEW_NS) / 1e9, "--to", (start + 2 * VIEW_NS) / 1e9, path, "-o", at / "t.html")
    asked = f"from={start / 1e9}&to={(start + VIEW_NS) / 1e9}&hide=tasks,events&svg={WIDTH}x{HEIGHT}"
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        sys.exit("picture: no chromium on this machine (apt-get install chromium)")
    page = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                           f"--user-data-dir={at}/profile", "--virtual-time-budget=5000", "--dump-dom", f"file://{at}/t.html#{asked}"],
                          capture_output=True, timeout=300, check=True).stdout.decode()
    return html.unescape(re.search(r'data-svg="([^"]*)"', page)[1])


def main():
    with folder() as at:
        seen = mixed.trace(LOAD_MS, SEED)
        (at / "t.ctf").write_bytes(seen.stream)
        start = best(at / "t.ctf", seen.begin_s, seen.end_s)
        picture = draw(at / "t.ctf", start, at)
    Path(sys.argv[1]).write_text(picture)
    print(f"picture: {VIEW_NS / 1e6:.0f} ms from {start / 1e9:.6f} s on, {len(picture)} bytes")


main()

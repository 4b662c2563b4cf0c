"""What recording costs, in instructions: exact under -icount, so these are limits and no measurements of a moment."""
import sys
from pathlib import Path

from harness import check, test

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
from figures import instructions  # noqa: E402


@test()
def recording_stays_within_the_instructions_that_it_may_cost():
    figures = instructions()  # fails when ipcbench does not find the events that it pays for
    for name, most in (("trace_event_on", 40), ("trace_event_on_2w", 45), ("trace_event_off", 4),
                       ("ipc_traced_ratio", 1.25)):
        check(0 < figures[name] <= most, f"{name} is {figures[name]:.4g}, may be {most}")
    check(1 < figures["ipc_traced_ratio"], "the round trip costs no more with every class on: is it recorded?")

"""A mixed load (mixload/) on a machine of two nodes of two CPUs, and its trace: for tests, figures and the picture of
docs/scheduling.md.

Counted time (-icount) is the machine's own, however busy the host is. But one virtual CPU then runs after the other, each until it
sleeps, says `pause` (as mixload's tasks do all the time) or a timer of the emulator is due; the others look as if they slept
meanwhile. A filter that holds packets back for TICK_US makes a timer due each so long."""
import json
from dataclasses import dataclass, replace

from harness import Failure, Machine, wait_for
from test_boot import numa
from trace_reader import Reader

TICK_US = 20


def boot(ms, seed, append=""):
    two_nodes = numa("cpus=0-1,mem=128", "cpus=2-3,mem=128")
    timer = ("-object", f"filter-buffer,id=ticks,netdev=n0,queue=rx,interval={TICK_US}")
    return replace(two_nodes, append=f"mixload={ms}:{seed} {append}", icount=True, extra=two_nodes.extra + timer)


@dataclass
class Seen:
    stream: bytes  # from the boot on, as port 2325 gives it
    begin_s: float  # since boot: the load
    end_s: float
    nodes: list  # what `numa --json` says of each afterwards

    def part(self):
        """For the tool: while all tasks were at work."""
        return "--from", self.begin_s + 0.05, "--to", self.end_s


def trace(ms, seed):
    with Machine(boot(ms, seed)) as machine:
        machine.wait_console()
        reader = Reader(machine)
        end = machine.wait_serial(r"^\[ *(\d+\.\d+)\] mixload: MIXLOAD (done|FAILED)", 300)
        begin = machine.wait_serial(r"^\[ *(\d+\.\d+)\] mixload: MIXLOAD seed")
        if end[2] == "FAILED":
            raise Failure(machine.serial()[-2000:])
        wait_for(lambda: reader.seen((float(end[1]) + 0.5) * 1e9), 60, "the end of the stream")
        reader.stop()
        nodes = json.loads(machine.once(b"numa --json\n"))["numa"]["nodes"]
        return Seen(bytes(reader.data), float(begin[1]), float(end[1]), nodes)

"""A mixed load (mixload/) on a machine of two nodes of two CPUs, and its trace: for tests, figures and the picture of
docs/scheduling.md.

Counted time (-icount) is the machine's own, however busy the host is. But one virtual CPU then runs after the other, each until it
sleeps, says `pause` (as mixload's tasks do all the time) or a timer of the emulator is due; the others look as if they slept
meanwhile. A filter that holds packets back for TICK_US makes a timer due each so long."""
from dataclasses import replace

from harness import Failure, Machine, wait_for
from test_boot import numa
from trace_reader import Reader

TICK_US = 20


def boot(ms, seed, append=""):
    two_nodes = numa("cpus=0-1,mem=128", "cpus=2-3,mem=128")
    timer = ("-object", f"filter-buffer,id=ticks,netdev=n0,queue=rx,interval={TICK_US}")
    return replace(two_nodes, append=f"mixload={ms}:{seed} {append}", icount=True, extra=two_nodes.extra + timer)


def trace(ms, seed):
    """From the boot on: a stream as port 2325 gives it, and the seconds since boot when the load began and ended."""
    with Machine(boot(ms, seed)) as machine:
        machine.wait_console()
        reader = Reader(machine)
        end = machine.wait_serial(r"^\[ *(\d+\.\d+)\] mixload: MIXLOAD (done|FAILED)", 300)
        begin = machine.wait_serial(r"^\[ *(\d+\.\d+)\] mixload: MIXLOAD seed")
        if end[2] == "FAILED":
            raise Failure(machine.serial()[-2000:])
        wait_for(lambda: reader.seen((float(end[1]) + 0.5) * 1e9), 60, "the end of the stream")
        reader.stop()
        return bytes(reader.data), float(begin[1]), float(end[1])

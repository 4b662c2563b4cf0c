"""The figures of IPC on several processors, from what smpbench logs: counted with one processor after the other, timed
with a thread of the host each."""
import functools
import statistics

from figures import Failure, bench_rows, check_calibration, note, ours, wait_until_quiet

CPUS = 2
IPI, NO_IPI, SAME = "ipc_cross_cpu_ipi", "ipc_cross_cpu_no_ipi", "ipc_call_reply_4w_smp"
# At least and at most so many interrupts between processors a round trip: about one to each side, or as good as none
IPIS = {SAME: (0, 0.01), IPI: (1, 2.1), NO_IPI: (0, 0.01)}


def check_ipis(rows):
    """Takes the counts of interrupts out of `rows`, and says whether what was measured is what the figures' names say."""
    each = {name: rows.pop(f"{name}_ipis") / 1000 for name in IPIS}
    said = "interrupts between processors a round trip: " + ", ".join(f"{name} {n:.3f}" for name, n in each.items())
    if not all(least <= each[name] <= most for name, (least, most) in IPIS.items()):
        raise Failure(f"{said}; expected were {IPIS}")
    return said


def pair_ratios(rows):
    """What both pairs did against what one of them did just before and just after, turn by turn."""
    alone, both = ([rows[name] for name in (f"{kind}_{i}" for i in range(len(rows))) if name in rows]
                   for kind in ("pairs_alone", "pairs_both"))
    if not both or len(alone) != len(both) + 1 or min(alone) <= 0:
        raise Failure(f"{len(both)} turns of both pairs and {len(alone)} of one: {alone[:3]} …")
    return [2 * together / (before + after) for together, before, after in zip(both, alone, alone[1:])]


@functools.cache
def counted():
    """What a round trip takes of both processors together, in instructions."""
    rows = bench_rows(ours(append="smpbench=count", net="none", cpus=CPUS, icount=True))
    check_calibration(rows)
    note(check_ipis(rows))
    return {name: rows[name] for name in IPIS}


def spread(rows):
    ratios = sorted(pair_ratios(rows))
    quarter = len(ratios) // 4
    return (f"{len(ratios)} turns, from {ratios[0]:.3g} to {ratios[-1]:.3g}, the middle half from {ratios[quarter]:.3g} to "
            f"{ratios[-1 - quarter]:.3g}; one pair alone: {rows['pairs_alone_0']:.0f} round trips/s")


def timed_figures(rows):
    return {"ipc_pairs_2cpu": statistics.median(pair_ratios(rows)), f"{IPI}_over_same": rows[IPI] / rows[SAME],
            f"{NO_IPI}_over_same": rows[NO_IPI] / rows[SAME]}


def timed():
    wait_until_quiet()
    rows = bench_rows(ours(append="smpbench=time", net="none", cpus=CPUS, accel="tcg,thread=multi"))
    note(f"ipc_pairs_2cpu: {spread(rows)}")
    return timed_figures(rows)


def smp():
    return {**counted(), **timed()}

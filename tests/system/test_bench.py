"""What make bench says of several processors: how the figures come about, and the limits of those that are counted."""
import contextlib
import io
import re
import sys
from pathlib import Path

from harness import Failure, check, test

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
import figures as bench  # noqa: E402
from balance import check_load, worst  # noqa: E402
from smp import check_ipis, counted, pair_ratios, smp, timed_figures  # noqa: E402

SEL4 = 612  # instructions of seL4's round trip with four words


def fails(function, *arguments):
    try:
        function(*arguments)
    except Failure:
        return True
    return False


def pairs(alone, both):
    return {f"pairs_alone_{i}": n for i, n in enumerate(alone)} | {f"pairs_both_{i}": n for i, n in enumerate(both)}


@test()
def a_turn_of_both_pairs_is_compared_with_the_turns_of_one_before_and_after_it():
    ratios = pair_ratios(pairs([100, 300, 100], [400, 100]))
    check(ratios == [2, 0.5], f"{ratios}")


@test()
def turns_that_are_missing_or_did_nothing_make_no_figure():
    for alone, both in (([], []), ([100], []), ([100], [180]), ([100, 100], [180, 180]), ([100, 0], [180])):
        check(fails(pair_ratios, pairs(alone, both)), f"{alone} and {both} made a figure")


@test()
def one_bad_turn_of_many_does_not_change_what_two_pairs_do():
    alone, both = [100] * 22, [190] * 21
    both[3] = alone[9] = 1
    figures = timed_figures(pairs(alone, both) | {"ipc_call_reply_4w_smp": 1000, "ipc_cross_cpu_ipi": 5000,
                                                  "ipc_cross_cpu_no_ipi": 1500})
    check(figures == {"ipc_pairs_2cpu": 1.9, "ipc_cross_cpu_ipi_over_same": 5, "ipc_cross_cpu_no_ipi_over_same": 1.5},
          f"{figures}")


@test()
def interrupts_that_do_not_fit_the_name_of_a_figure_make_no_figure():
    good = {"ipc_call_reply_4w_smp_ipis": 0, "ipc_cross_cpu_ipi_ipis": 2000, "ipc_cross_cpu_no_ipi_ipis": 3}
    check_ipis(dict(good))
    for name, per_1000 in (("ipc_call_reply_4w_smp", 900), ("ipc_cross_cpu_ipi", 0), ("ipc_cross_cpu_ipi", 3000),
                           ("ipc_cross_cpu_no_ipi", 1000)):
        check(fails(check_ipis, good | {f"{name}_ipis": per_1000}), f"{name} with {per_1000 / 1000} a round trip is a figure")


@test()
def a_round_trip_on_one_processor_takes_at_most_five_percent_more_than_before_there_was_a_lock():
    figures = bench.instructions()
    ratio = figures["ipc_call_reply_4w_over_base"]
    check(0.8 < ratio <= 1.05, f"{figures['ipc_call_reply_4w']} instructions, {ratio:.3f} of what it was")


@test()
def a_round_trip_on_one_of_two_processors_takes_less_than_sel4s_and_one_across_takes_more():
    figures = counted()  # fails when the processors interrupted each other otherwise than the figures say
    here, across = figures["ipc_call_reply_4w_smp"], figures["ipc_cross_cpu_ipi"]
    check(300 < here < SEL4, f"{here} instructions on one processor")
    check(here < across < 10 * SEL4, f"{across} instructions across, {here} on one processor")


@test()
def make_bench_prints_every_figure_of_several_processors():
    bench.QUIET_S, table, printed = 0, bench.Table(), io.StringIO()
    table.add(smp())
    with contextlib.redirect_stdout(printed):
        table.show()
    lines = dict(re.findall(r"^(\w+) ([\d.]+) (?:insn|ratio)$", printed.getvalue(), re.M))
    wanted = {"ipc_call_reply_4w_smp", "ipc_cross_cpu_ipi", "ipc_cross_cpu_no_ipi", "ipc_cross_cpu_ipi_over_same",
              "ipc_cross_cpu_no_ipi_over_same", "ipc_pairs_2cpu"}
    check(set(lines) == wanted and all(float(value) > 0 for value in lines.values()), printed.getvalue())


@test()
def of_a_load_that_was_none_or_was_not_all_seen_there_is_no_figure():
    good = {"lost_events": 0, "cpus_unknown": 0, "cpus": 4, "busy": 70, "steals_near": 1000}
    check_load(good)
    for name, value in (("lost_events", 1), ("cpus_unknown", 1), ("cpus", 3), ("busy", 20), ("busy", 99), ("steals_near", 3)):
        check(fails(check_load, good | {name: value}), f"{name} {value} makes a figure")
    check(worst([{"a": 1, "b": 9}, {"a": 3, "b": 2}]) == {"a": 3, "b": 9}, "the worst of several loads")

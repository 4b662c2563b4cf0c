"""What the scheduler promises, of a mixed load on two nodes of two processors: computed by trustos-trace from the machine's trace."""
from figures import Failure, note
import mixed
from tracetool import run

LOAD_MS, SEEDS = 1000, (1, 2, 3)


def reported(seen):
    lines = run("report", "--figures", *seen.part(), "-", data=seen.stream)[0].splitlines()
    return {name: float(value) for name, value, _ in map(str.split, lines)}


def check_load(said):
    """The figures mean nothing of a trace with holes, or of a machine with nothing to do."""
    if said["lost_events"] or said["cpus_unknown"] or said["cpus"] != 4 or not 50 < said["busy"] < 95 or said["steals_near"] < 100:
        raise Failure(f"that was no mixed load, or not all of it was seen: {said}")


def balance_once(seed):
    seen = mixed.trace(LOAD_MS, seed)
    said = reported(seen)
    check_load(said)
    local, remote = (sum(node[f"{kind}_allocations"] for node in seen.nodes) for kind in ("local", "remote"))
    note(f"balance: seed {seed}, {said['busy']:.0f} % busy, {said['steals_near']:.0f} steals near, {said['steals_far']:.0f} far; "
         f"frames: {local} near, {remote} far")
    return {"idle_while_ready": said["idle_while_ready_longest_us"], "steals_far": said["steals_far_share"],
            "frames_far": 100 * remote / (local + remote)}


def worst(rows):
    return {name: max(row[name] for row in rows) for name in rows[0]}


def balance():
    return worst([balance_once(seed) for seed in SEEDS])

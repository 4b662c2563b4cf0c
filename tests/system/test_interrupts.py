"""A device's interrupts come to the processor on which the task runs that waits for them, however they are routed."""
import time
from dataclasses import replace

from harness import CHARGEN, TOKEN, Boot, Machine, check, test, wait_for
from test_faults import task_ids
from test_madt import far_processors, need_x2apic
from trace_reader import Reader, pinging, record_classes

WORDS = f"netbench tracegen nopoll token={TOKEN}"
VIRTIO = "virtio-net-pci"
CONFINED = VIRTIO + ",disable-legacy=on,iommu_platform=on"
WAYS = {  # how the card's interrupts get to a processor
    "by_a_message_on_i440fx": Boot(append=WORDS, cpus=4),
    "by_a_message_on_q35": Boot(append=WORDS, cpus=4, machine="q35"),
    "by_a_line_on_i440fx": Boot(append=WORDS, cpus=4, nic=VIRTIO + ",vectors=0"),
    "by_a_message_through_the_iommu": Boot(append=WORDS, cpus=4, machine="q35", iommu="intremap=on", nic=CONFINED),
    "by_a_line_through_the_iommu": Boot(append=WORDS, cpus=4, machine="q35", iommu="intremap=on",
                                        nic=CONFINED + ",vectors=0"),
    "by_a_message_past_an_iommu_that_does_not_remap": Boot(append=WORDS, cpus=4, machine="q35", iommu="intremap=off",
                                                           nic=CONFINED),
}
IRQ_AND_SCHED = 0x1 | 0x8  # TRACE_CLASS_SCHED, TRACE_CLASS_IRQ
DEVICE_VECTORS = range(0x30, 0xEF)


def events_by_cpu(stream):
    """(ns, cpu, id, first word) of all processors, in order."""
    sizes, out = [1 + stream.words.get(n, 0) for n in range(1 << 16)], []
    for begin, _, _, _, cpu, body in stream.packets:
        words, at = memoryview(body).cast("Q"), 0
        while at < len(words):
            word, kind = words[at], words[at] & 0xFFFF
            first = words[at + 1] if sizes[kind] > 1 else 0
            out.append((begin + ((word >> 16) - begin & (1 << 48) - 1), cpu, kind, first))
            at += sizes[kind]
    return sorted(out)


def arrivals(stream, task):
    """Of each interrupt of a device: its vector, the processor that took it, and where the task runs or ran last."""
    switch, entry, home, out = stream.ids["ctx_switch"], stream.ids["irq_entry"], None, []
    for _, cpu, kind, word in events_by_cpu(stream):
        if kind == switch and word >> 32 == task:
            home = cpu
        elif kind == entry and word & 0xFFFFFFFF in DEVICE_VECTORS and home is not None:
            out.append((word & 0xFFFFFFFF, cpu, home))
    return out


def reading(machine):
    """A reader to whom something comes: the places of those before may take a moment to be free."""
    def attempt():
        reader = Reader(machine)
        time.sleep(0.3)
        return reader if b"ctx_switch" in reader.data else reader.stop() and None
    return wait_for(attempt, 60, "the trace's stream")


def a_round(machine):
    """Traffic, and calls that take netsrv to where others run."""
    reader = reading(machine)
    pinging(machine, 1)
    with machine.connect(CHARGEN) as c:
        c.read_exactly(1 << 20)
    for words in ("network", "tasks", "network"):
        machine.ask(words)
    pinging(machine, 1)
    return arrivals(reader.stop(), task_ids(machine)["netsrv"])


def share(seen):
    return sum(took == home for _, took, home in seen) / max(len(seen), 1)


def settled(rounds):
    """Interrupts whose task was on the same processor at the two before."""
    out = []
    for seen in rounds:
        for vector in {v for v, _, _ in seen}:
            row = [x for x in seen if x[0] == vector]
            out += [c for a, b, c in zip(row, row[1:], row[2:]) if a[2] == b[2] == c[2]]
    return out


def takers(rounds):
    """How many processors took the interrupts of one vector, of the one that moved most."""
    where = {}
    for vector, took, _ in (x for seen in rounds for x in seen):
        where.setdefault(vector, set()).add(took)
    return max(map(len, where.values()), default=0)


def tied_arrivals(boot):
    """devmgr, which makes the route, runs on another processor than netsrv: only a route that was changed leads there."""
    with Machine(replace(boot, append=boot.append + " affinity=devmgr:0,netsrv:3")) as machine:
        machine.wait_console()
        record_classes(machine, IRQ_AND_SCHED)
        rounds = []
        while len(rounds) < 20 and sum(map(len, rounds)) < 300:
            rounds.append(a_round(machine))
        seen = [x for r in rounds for x in r]
        check(len(seen) >= 300, f"{len(seen)} interrupts")
        check({home for _, _, home in seen} == {3}, "netsrv runs elsewhere than it may")
        return seen


def tied(boot):
    def function():
        seen = tied_arrivals(boot)
        check(share(seen) >= 0.9, f"{share(seen):.1%} of {len(seen)} came to netsrv's processor: {seen[:20]}")
    return function


def wandering(boot):
    def function():
        with Machine(boot) as machine:
            machine.wait_console()
            record_classes(machine, IRQ_AND_SCHED)
            rounds = []
            while len(rounds) < 20 and not (takers(rounds) > 1 and len(settled(rounds)) >= 200):
                rounds.append(a_round(machine))
            calm = settled(rounds)
            check(takers(rounds) > 1, f"netsrv moves, and its interrupts stay: {rounds[-1][:40]}")
            check(len(calm) >= 200, f"hardly any interrupts: {[len(r) for r in rounds]}")
            check(share(calm) >= 0.95, f"{share(calm):.1%} of {len(calm)} came to where netsrv stood still")
    return function


for _name, _boot in WAYS.items():
    for _made, _what in ((tied, "interrupts_come_to_the_processor_of_their_task"),
                         (wandering, "interrupts_follow_their_task_from_processor_to_processor")):
        _function = _made(_boot)
        _function.__name__ = f"{_what}_{_name}"
        test()(_function)


@test()
def a_processor_with_a_wide_id_gets_interrupts_through_the_iommu_and_without_one_the_others_do():
    need_x2apic()
    tied(far_processors(iommu="intremap=on,eim=on", nic=CONFINED, append=WORDS))()
    seen = tied_arrivals(far_processors(append=WORDS))  # a message names eight bits
    check({took for _, took, _ in seen} <= {0, 1}, f"they came where no message leads: {seen[:20]}")

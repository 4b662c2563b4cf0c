"""Memory near and far, as an operator sees it: `numa` says what QEMU was told, tasks live and run where they may, their
memory is near, and an SRAT that makes no sense is one node."""
import json
import os
import re
import struct
import tempfile
from dataclasses import replace

from harness import ECHO, SERVICES, TOKEN, Boot, Machine, check, expect, test, wait_for
from test_boot import numa
from test_console import KERNEL
from test_faults import task_ids

MIB = 1 << 20
TAKEN = 8 * MIB  # of a node's memory, by the firmware and by the kernel before it counts


def nodes_of(machine):
    return json.loads(machine.once(b"numa --json\n"))["numa"]["nodes"]


def cpus_of(node):
    return {cpu["cpu"] for cpu in node["cpus"]}


def tasks_of(nodes):
    """{name: (node, task)}"""
    return {task["name"]: (node, task) for node in nodes for task in node["tasks"]}


def told(machine):
    """[(CPUs, bytes)] of each node, from QEMU itself."""
    text = machine.monitor("info numa").replace("\r", "")
    return [({int(cpu) for cpu in cpus.split()}, int(mib) * MIB)
            for cpus, mib in re.findall(r"^node \d+ cpus:(.*)\nnode \d+ size: (\d+) MB", text, re.M)]


def check_as_told(machine, nodes):
    wanted = told(machine)
    check(len(nodes) == len(wanted) > 1, f"{len(nodes)} nodes, QEMU has {len(wanted)}")
    for node, (cpus, size) in zip(nodes, wanted):
        check(cpus_of(node) == cpus, f"node {node['node']} has the CPUs {cpus_of(node)}, QEMU says {cpus}")
        check(max(size - TAKEN, 0) <= node["total_bytes"] <= size,
              f"node {node['node']} has {node['total_bytes'] / MIB:.1f} MiB of {size / MIB:.0f}")
        used = node["near_bytes"] + node["others_bytes"] + node["free_bytes"]
        check(used == node["total_bytes"], f"node {node['node']}: {used} bytes used and free of {node['total_bytes']}")


def check_homes(nodes):
    """Every service is there once, at home where it may run; near memory, where a node has both."""
    tasks = tasks_of(nodes)
    check(sum(len(node["tasks"]) for node in nodes) == len(tasks), f"a task is at home twice: {sorted(tasks)}")
    missing = set(SERVICES + ("init",)) - set(tasks)
    check(not missing, f"nowhere at home: {missing}")
    for name, (home, task) in tasks.items():
        allowed = set(task["affinity"])
        check(allowed & cpus_of(home), f"{name} is at home on node {home['node']} and may not run there: {allowed}")
        near = [node for node in nodes if allowed & cpus_of(node) and node["total_bytes"]]
        check(home["total_bytes"] or not near, f"{name} is at home on node {home['node']}, which has no memory")
        check(task["cpu"] in allowed, f"{name} ran on CPU {task['cpu']}, not one of {allowed}")


def drawn_as_read(machine, nodes):
    """The drawing has a block a node, with the same CPUs and tasks."""
    text = machine.once(b"numa\n").decode()
    blocks = re.split(r"^Node (\d+): ", text, flags=re.M)
    check(blocks[1::2] == [str(node["node"]) for node in nodes], f"the blocks of {text}")
    for block, node in zip(blocks[2::2], nodes):
        rows = {int(cpu) for cpu in re.findall(r"^│ +(\d+) +[\d.]+ %", block, re.M)}
        check(rows == cpus_of(node), f"node {node['node']} shows the CPUs {rows}")
        for task in node["tasks"]:
            expect(rf"^   {task['name']} \({task['id']}\)", block, f"the drawing of node {node['node']}")
    check(max(len(line) for line in text.splitlines()) <= 100, "a line of more than 100 columns")
    return text


def mixed_load(machine):
    """Sessions and connections come and go, services die and come back: memory is taken and given back."""
    with machine.console() as session:
        session.login()
        for name in ("tracer", "netbench"):
            session.ask(f"restart {name}")
    for _ in range(10):
        machine.once(b"status\nnetwork\ncaps\n")
    machine.wait_echo()
    for _ in range(10):
        with machine.connect(ECHO) as connection:
            connection.send(bytes(20_000))
            connection.read_exactly(20_000)


@test()
def two_nodes_are_drawn_and_with_room_95_percent_of_frames_are_local():
    boot = numa("cpus=0-1,mem=128", "cpus=2-3,mem=128")
    with Machine(replace(boot, append=f"netbench token={TOKEN}")) as machine:
        machine.wait_console()
        mixed_load(machine)
        nodes = nodes_of(machine)
        check_as_told(machine, nodes)
        check_homes(nodes)
        expect(r"distance 20 to node 1$", drawn_as_read(machine, nodes))
        local = sum(node["local_allocations"] for node in nodes)
        remote = sum(node["remote_allocations"] for node in nodes)
        check(local > 2000 and local >= 19 * remote, f"{local} frames near, {remote} far")
        expect(r"^2 nœuds, 4 CPU, 25\d Mio de mémoire", machine.once("montre la mémoire par nœud\n".encode()).decode())
        expect(r"netsrv \(task \d+\) is at home on node [01], last ran on CPU [0-3] and may run on all CPUs\.",
               machine.once(b"on which node does netsrv live?\n").decode())


def jarvis_on(cpus):
    """Node 1, and how many bytes jarvis is charged for; all others stay on node 0."""
    boot = numa("cpus=0-1,mem=160", "cpus=2-3,mem=96")  # init is at home where most is free
    pins = ",".join(f"{name}:0-1" for name in SERVICES if name != "jarvis")
    with Machine(replace(boot, append=f"affinity={pins},jarvis:{cpus}")) as machine:
        machine.wait_console()
        nodes = nodes_of(machine)
        at_home = {name for name, (node, _) in tasks_of(nodes).items() if node["node"] == 1}
        check(at_home == ({"jarvis"} if cpus == "2-3" else set()), f"{at_home} at home on node 1, jarvis on CPUs {cpus}")
        check(not any(node["others_bytes"] for node in nodes), "somebody's memory is far, and there is room")
        return nodes[1], tasks_of(nodes)["jarvis"][1]["memory_bytes"]


@test()
def a_service_lies_with_its_program_on_the_node_where_it_may_run():
    without, _ = jarvis_on("0-1")
    here, charged = jarvis_on("2-3")
    program = os.path.getsize("build/services/stripped/jarvis")  # init pays for it
    more = here["near_bytes"] - without["near_bytes"]
    check(more >= charged + program, f"{more} bytes more on its node; it has {charged} and a program of {program}")


@test()
def what_a_full_node_lacks_comes_from_the_next_and_is_counted_and_noted():
    boot = numa("cpus=0-1,mem=12", "cpus=2-3,mem=244")
    everybody = ",".join(f"{name}:0-1" for name in SERVICES + ("netbench",))
    with Machine(replace(boot, append=f"netbench affinity={everybody}")) as machine:
        machine.wait_console()
        machine.wait_echo()
        nodes = nodes_of(machine)
        check_as_told(machine, nodes)
        check_homes(nodes)
        homeless = [name for name in SERVICES if name not in tasks_of(nodes[:1])]
        check(not homeless, f"tied to node 0 and at home elsewhere: {homeless}")
        far = nodes[0]["remote_allocations"]
        check(far > 0 and nodes[1]["others_bytes"] > 0, f"{far} frames from afar, {nodes[1]['others_bytes']} bytes")
        text = drawn_as_read(machine, nodes)
        expect(r"^Note: Node 0's memory is nearly used up \([\d.]+ % free\) while node 1 has 9\d[\d.]* % free\.$", text)
        expect(r"^Note: Node 0: only \d\d[\d.]* % of the frames that its tasks got are its own\.$", text)
        expect(r"\bup\b", machine.once(b"status\n").decode())


@test()
def four_nodes_of_uneven_memory_and_distances_through_grub():
    boot = numa("cpus=0,mem=32", "cpus=1,mem=64", "cpus=2,mem=128", "cpus=3,mem=160",
                "dist,src=0,dst=1,val=15", "dist,src=0,dst=2,val=30", "dist,src=0,dst=3,val=30",
                "dist,src=1,dst=2,val=30", "dist,src=1,dst=3,val=30", "dist,src=2,dst=3,val=15", mem=384)
    with Machine(replace(boot, how="iso")) as machine:
        machine.wait_console()
        nodes = nodes_of(machine)
        check_as_told(machine, nodes)
        check_homes(nodes)
        check([node["distances"] for node in nodes] ==
              [[10, 15, 30, 30], [15, 10, 30, 30], [30, 30, 10, 15], [30, 30, 15, 10]], "distances")
        expect(r"^Node 2: CPU 2; distance 15 to node 3, 30 to nodes 0-1$", drawn_as_read(machine, nodes))
        expect(r"of 38\d MiB", machine.once(b"memory\n").decode())


@test()
def a_node_without_memory_and_one_without_cpus_are_drawn_so_and_nobody_lives_where_he_cannot_run():
    with Machine(numa("cpus=0-1,mem=128", "cpus=2-3", "mem=128")) as machine:
        machine.wait_console()
        nodes = nodes_of(machine)
        check_as_told(machine, nodes)
        check_homes(nodes)
        text = drawn_as_read(machine, nodes)
        expect(r"^Node 1: CPUs 2-3; distance 20 to nodes 0,2\n├─ Memory  none of its own$", text)
        expect(r"^Node 2: no CPU; distance 20 to nodes 0-1\n", text)
        check(not nodes[2]["tasks"], f"tasks live where no CPU is: {nodes[2]['tasks']}")


@test()
def sparse_apic_ids_belong_to_the_nodes_that_qemu_says():
    boot = numa("cpus=0-2,mem=96", "cpus=3-5,mem=160", cpus=6)
    with Machine(replace(boot, extra=boot.extra + ("-smp", "6,sockets=2,cores=3,threads=1"))) as machine:
        machine.wait_console()
        nodes = nodes_of(machine)
        check_as_told(machine, nodes)
        check_homes(nodes)
        ids = [sorted(cpu["apic_id"] for cpu in node["cpus"]) for node in nodes]
        check(ids == [[0, 1, 2], [4, 5, 6]], f"APIC ids {ids}")


@test(KERNEL)
def without_an_srat_all_is_one_node(machine):
    nodes = nodes_of(machine)
    check(len(nodes) == 1 and cpus_of(nodes[0]) == {0}, f"{nodes}")
    check_homes(nodes)
    text = drawn_as_read(machine, nodes)
    expect(r"^1 node, 1 CPU, 25\d MiB of memory", text)
    expect(r"^All memory is equally near to all CPUs\.$", text)
    expect(r"^Node 0: CPU 0$", text)


def srat_cpu(node, apic_id):
    return struct.pack("<BBBBIBBBBI", 0, 16, node, apic_id, 1, 0, 0, 0, 0, 0)


def srat_memory(node, start, size):
    return struct.pack("<BBIHQQIIQ", 1, 40, node, 0, start, size, 0, 1, 0)


def boots_with_srat(entries, cpus, mem):
    table = tempfile.NamedTemporaryFile(prefix="trustos-srat-")
    table.write(struct.pack("<IQ", 1, 0) + b"".join(entries))
    table.flush()
    return table, Machine(Boot(cpus=cpus, mem=mem, extra=("-acpitable", f"sig=SRAT,rev=3,data={table.name}")))


@test()
def an_srat_that_makes_no_sense_is_one_node_and_the_log_says_what_is_wrong():
    cpus = [srat_cpu(0, 0), srat_cpu(1, 1)]
    nonsense = {"has ranges of memory that overlap": cpus + [srat_memory(0, 0, 128 * MIB), srat_memory(1, 64 * MIB, 192 * MIB)],
                "is broken": cpus + [srat_memory(0, 0, 128 * MIB), srat_memory(1, 128 * MIB, 128 * MIB)[:-1]]}
    for what, entries in nonsense.items():
        table, machine = boots_with_srat(entries, 2, 256)
        with table, machine:
            machine.wait_console()
            expect(rf"acpi: the SRAT {what}: it is left aside, all is one node", machine.serial(), "the boot log")
            nodes = nodes_of(machine)
            check(len(nodes) == 1 and cpus_of(nodes[0]) == {0, 1}, f"{nodes}")
            check(256 * MIB - 2 * TAKEN < nodes[0]["total_bytes"] <= 256 * MIB, f"{nodes[0]['total_bytes']} bytes")
            check_homes(nodes)


def ran_on(machine, task_id):
    """The CPUs onto which the newest events of the trace saw the task switched."""
    rows = re.findall(r"\[CPU(\d+)\] ContextSwitch payload=0x([0-9a-f]+)", machine.once(b"trace dump 256\n").decode())
    return {int(cpu) for cpu, payload in rows if int(payload, 16) >> 32 == task_id}


def restart(machine, name):
    before = task_ids(machine)[name]
    with machine.console() as session:
        session.login()
        session.ask(f"restart {name}")
    wait_for(lambda: task_ids(machine).get(name) not in (None, before), 60, f"{name} to be back")


@test()
def a_service_that_is_tied_to_cpus_is_never_seen_elsewhere_and_started_again_it_still_is():
    boot = numa("cpus=0-1,mem=128", "cpus=2-3,mem=128")
    line = "affinity=netsrv:1,jarvis:2-3,tracer:63 affinity=nosuch:1 affinity=rconsole:3-1 token=" + TOKEN
    with Machine(replace(boot, append=line)) as machine:
        machine.wait_console()
        tied = {"netsrv": {1}, "jarvis": {2, 3}}
        seen = {name: set() for name in tied}
        for turn in range(20):
            if turn == 10:
                restart(machine, "jarvis")
            nodes = nodes_of(machine)
            check_homes(nodes)
            tasks = tasks_of(nodes)
            for name, cpus in tied.items():
                task = tasks[name][1]
                check(set(task["affinity"]) == cpus, f"{name} may run on {task['affinity']}")
                seen[name] |= {task["cpu"]} | ran_on(machine, task["id"])
                check(seen[name] <= cpus, f"{name} was seen on {seen[name]}, it may run on {cpus}")
        check(set(tasks["tracer"][1]["affinity"]) == set(tasks["rconsole"][1]["affinity"]) == {0, 1, 2, 3}, f"{tasks}")
        expect(r"^   netsrv \(\d+\) .*  1$", machine.once(b"numa\n").decode())
        log = machine.serial()
        expect(r"init: tracer: this machine has none of the CPUs where it may run \(mask 0x8000000000000000\): it may run on all",
               log, "the log")
        expect(r'init: boot option affinity: "nosuch" is no service: this option is left aside', log, "the log")
        expect(r'init: boot option affinity: "3-1" goes downwards: this option is left aside', log, "the log")

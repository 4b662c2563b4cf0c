"""What a task may do on the network is what its capabilities name; and no client takes netsrv down."""
import re
import socket
import threading

from harness import CHARGEN, ECHO, TOKEN, Boot, Machine, check, expect, test, wait_for
from test_caps import caps, revoke
from test_faults import task_ids
from test_leaks import figures


class EchoServer:
    """A TCP echo on the host, which the guest reaches at 10.0.2.2."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.bytes, self.connections = 0, 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    self.bytes += len(data)
                    connection.sendall(data)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()


REPELLED = (
    "region_that_i_can_revoke", "region_that_another_task_could_revoke", "region_with_too_few_rights",
    "region_that_is_too_small", "region_that_is_no_memory", "attach_without_the_right", "all_places_for_one",
    "coming_and_going_without_end", "connect_without_a_scope", "connect_with_a_scope_to_listen",
    "connect_outside_the_network", "connect_inside_the_network", "listen_on_ports_of_others", "ask_init_for_more",
    "make_a_scope_of_what_i_have", "present_what_is_no_scope", "present_for_others", "ask_for_names_with_a_network",
    "connect_outside_what_i_attenuated", "go_on_after_the_scope_was_revoked", "bytes_to_the_host_and_back",
    "region_revoked_in_the_middle", "memory_comes_back_as_mine", "indices_that_lie", "everything_closed_in_the_middle",
    "bell_revoked_in_the_middle")


def every_attack_is_repelled(serial, host):
    for name in REPELLED:
        check(f"netprobe: ok {name}\n" in serial, f"{name} is not repelled")
    check("FAILED" not in serial and "netprobe: 0 failed" in serial, "an attack got through")
    check(host.bytes >= 4 << 20 and host.connections >= 6, f"the host saw {host.bytes} bytes")


def netsrv_goes_on(machine, before):
    """The same netsrv, with the clients that it had, serves the others."""
    check(machine.once(b"still here", ECHO) == b"still here", "the echo port does not work any more")
    check(task_ids(machine)["netsrv"] == before["netsrv"], "netsrv was restarted")
    check(not re.search(r"init: netsrv: (?!is ready)", machine.serial()), "init had to do something about netsrv")


def nothing_of_it_is_left(machine):
    """netprobe died with a connection, a port and bytes on their way: rconsole, tracer,
    netbench's three and iperf remain, with their seven ports."""
    def back():
        now = figures(machine)
        return now["clients"] == 5 and now["tcp_listeners"] == 7
    wait_for(back, 30, "five clients and seven listeners, as without netprobe")


def refusals_are_told_once(serial):
    """A client is told each time; whoever reads the log once a client and once a second at most."""
    told = re.findall(r"netsrv: client \d+ \(badge \d+\): may not .*", serial)
    check(0 < len(told) <= 6, f"{len(told)} lines for some 20 refusals by 10 clients: {told}")


@test()
def a_hostile_client_gets_what_its_capabilities_name_and_leaves_netsrv_as_it_was():
    with EchoServer() as host, Machine(Boot(append=f"netbench netprobe={host.port}")) as machine:
        machine.wait_console()
        before = task_ids(machine)
        machine.wait_serial(r"netprobe: done: ", 180)
        every_attack_is_repelled(machine.serial(), host)
        netsrv_goes_on(machine, before)
        nothing_of_it_is_left(machine)
        refusals_are_told_once(machine.serial())


@test()
def without_a_network_device_netbench_waits_and_says_so_once():
    with Machine(Boot(append="netbench", net="none")) as machine:
        machine.wait_serial(r"netbench: no network: ", 60)
        told = len(re.findall("netbench: no network", machine.serial()))
        try:
            machine.wait_serial(r"netbench: ended", 12)
        except AssertionError:
            pass
        check("netbench: ended" not in machine.serial(), "netbench gave up")
        check(told == len(re.findall("netbench: no network", machine.serial())) == 1, "it says so again and again")


@test(Boot(append=f"netbench token={TOKEN}"), fresh=True)
def netsrv_killed_again_and_again_gets_its_listeners_back_and_netbench_lives(machine):
    before = task_ids(machine)
    for _ in range(4):
        netsrv = task_ids(machine)["netsrv"]
        with machine.console() as session:
            session.login()
            session.send("restart netsrv\n")
        machine.wait_console()
        machine.wait_echo()
        check(task_ids(machine)["netsrv"] != netsrv, "netsrv was not restarted")
    check(task_ids(machine)["netbench"] == before["netbench"], "netbench died of it")
    expect(r"LISTEN", machine.ask("caps netsrv"), "the listen capabilities in the new netsrv")


def answers(connection):
    """A byte of echo; b"" when the guest resets or closes."""
    try:
        connection.send(b"x")
        return connection.receive(5)
    except OSError:
        return b""


@test(Boot(append=f"netbench token={TOKEN}"), fresh=True)
def a_listen_capability_that_is_revoked_closes_its_port_and_no_other(machine):
    before = task_ids(machine)
    open_echo = machine.connect(ECHO)
    check(answers(open_echo) == b"x", "the echo port does not work")
    with machine.console() as session:
        session.login()
        scope = [c for c in caps(session, "netsrv") if c["badge"] == 0xf1000000 + ECHO]
        check(len(scope) == 1 and "LISTEN" in scope[0]["rights"], f"one capability for port {ECHO}: {scope}")
        revoke(session, scope[0]["id"])
        check(not [c for c in caps(session, "netsrv") if c["badge"] == 0xf1000000 + ECHO], "it is still there")
    check(answers(open_echo) == b"", "a connection that came through it goes on")
    with machine.connect(ECHO) as again:
        check(answers(again) == b"", "the port is still served")
    with machine.connect(CHARGEN) as other:
        check(len(other.read_exactly(200)) == 200, "another port of the same client went with it")
    machine.wait_serial(rf"echo: port {ECHO}: the capability lacks the right", 20)
    after = task_ids(machine)
    check(after["netsrv"] == before["netsrv"] and after["netbench"] == before["netbench"], "somebody was restarted")

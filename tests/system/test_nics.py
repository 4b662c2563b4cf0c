"""Each network card that there is a driver for carries the console, bulk both ways and the loss of its link."""
import time
from dataclasses import replace

import test_packets
from harness import CHARGEN, CONSOLE, DISCARD, PROMPT, TOKEN, Boot, check, expect, test, test_each, wait_for
from test_bulk import CHARGEN_PERIOD, Pattern, echo_bytes, receive_all
from test_faults import restarted_and_talked_to

BYTES = 64 << 20
WORDS = f"netbench token={TOKEN}"
NICS = {
    "e1000": Boot(append=WORDS, nic="e1000,id=card"),
    "e1000-82545em": Boot(append=WORDS, nic="e1000-82545em,id=card"),
    "e1000e": Boot(append=WORDS, nic="e1000e,id=card"),
}


@test_each(**NICS)
def the_console_answers_and_names_the_card(machine):
    with machine.console() as session:
        expect("observer", session.greeting, "the greeting")
        expect(r"10\.0\.2\.15", session.ask("network"))
        expect(r"^Driver +e1000$", session.ask("network"))
        expect(r"8086:10(0e|0f|d3) .*netsrv", session.ask("devices"))
        expect(r"\bup\b|uptime", session.ask("status"))


@test_each(**NICS)
def bulk_comes_whole_both_ways(machine):
    echo_bytes(machine, BYTES)
    with machine.connect(CHARGEN) as connection:
        receive_all(connection, Pattern(0, CHARGEN_PERIOD), BYTES)
        connection.reset()
    with machine.connect(DISCARD) as connection:
        for _ in range(0, BYTES, 65536):
            connection.send(bytes(65536))
        connection.shut()
        check(not connection.read_all(), "discard answered")
    expect(r"\b0 dropped", machine.ask("network"))


def says(machine, count, what):
    """The log has told of the link so often."""
    wait_for(lambda: machine.serial().count(f"link {what}") >= count, 30, f"'link {what}' in the log")


@test_each(**NICS)
def a_session_lives_through_the_loss_of_the_link(machine):
    ups, downs = machine.serial().count("link up"), machine.serial().count("link down")
    with machine.console() as session:
        for n in range(1, 4):
            machine.monitor("set_link card off")
            says(machine, downs + n, "down")
            session.send("status\n")  # QEMU keeps it until the link is back
            time.sleep(0.2)
            machine.monitor("set_link card on")
            says(machine, ups + n, "up")
            expect(r"\bup\b|uptime", session.read_until(PROMPT).decode())
    check("PANIC" not in machine.serial() and "failed" not in machine.serial(), machine.serial()[-800:])
    machine.wait_port(CONSOLE, lambda c: c.read_until(PROMPT), 60)


@test_each(**NICS)
def a_new_netsrv_starts_the_card_that_a_killed_one_left(machine):
    restarted_and_talked_to("netsrv")(machine)  # not every model forgets all in a reset
    echo_bytes(machine, 1 << 20)


def on_the_wire(function, boot):
    def run():
        function(replace(test_packets.STATIC, nic=boot.nic))
    return run


# The 82574L checks sums itself, the other two leave them to netsrv; wrong ones must not get through.
for _key in ("e1000", "e1000e"):
    for _packets in (test_packets.arp_icmp_and_a_tcp_conversation,
                     test_packets.ipv6_address_by_slaac_ping_and_a_conversation,
                     test_packets.bad_segments_inside_a_connection_do_not_break_it):
        _function = on_the_wire(_packets, NICS[_key])
        _function.__name__ = f"{_packets.__name__}[{_key}]"
        test()(_function)

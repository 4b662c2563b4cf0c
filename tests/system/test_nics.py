"""Each network card that there is a driver for carries the console, bulk both ways and the loss of its link."""
import time

from harness import CHARGEN, CONSOLE, DISCARD, PROMPT, TOKEN, Boot, check, expect, test_each, wait_for
from test_bulk import CHARGEN_PERIOD, Pattern, echo_bytes, receive_all

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

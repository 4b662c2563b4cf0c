"""What a person sees with netcat: greeting, commands, words in English and French - through each way to boot."""
import re
import subprocess

from harness import CONSOLE, SERVICES, TOKEN, Boot, Skip, check, expect, test, test_each

KERNEL = Boot(append=f"netbench token={TOKEN}")
WAYS = {"kernel": KERNEL, "iso": Boot(how="iso"), "uefi": Boot(how="uefi", machine="q35")}
SIZE = r"\d[\d.,]*\s*(bytes|[KMG]i?[BoO]?)\b"

EXPECTED = {
    "status": (r"\bup\b|uptime",),
    "tasks": tuple(rf"\b{name}\b" for name in ("init",) + SERVICES),
    "memory": (r"free", SIZE),
    "numa": (r"^Node 0: CPU 0$", r"^ +netsrv \(\d+\)"),
    "devices": (r"1af4|virtio", r"network|ethernet"),
    "network": (r"10\.0\.2\.15", r"10\.0\.2\.2\b", r"52:54:00:12:34:56"),
    "caps netsrv": (r"\birq\b", r"\bdma\b", r"\bmemory\b", r"\bchannel\b"),
    "trace dump": (r"^\[ *\d+\]\[CPU\d+\] \w+ payload=0x[0-9a-f]+$",),
    "help": ("status", "tasks", "memory", "devices", "network", "caps", "trace"),
}

WORDS = {
    "how much memory is free?": ("free", SIZE),
    "combien de mémoire libre reste-t-il ?": ("libre|free", SIZE),
    "quelle est ton adresse ip ?": (r"10\.0\.2\.15",),
    "what is your ip address?": (r"10\.0\.2\.15",),
    "who is using the most cpu": (r"\b(init|devmgr|netsrv|jarvis|rconsole|netbench)\b",),
    "qui utilise le plus de cpu ?": (r"\b(init|devmgr|netsrv|jarvis|rconsole|netbench)\b",),
    "how long have you been up?": (r"\d",),
    "which devices do you have?": (r"1af4|virtio",),
    "quels sont les périphériques ?": (r"1af4|virtio",),
    "list the tasks": (r"\bnetsrv\b", r"\brconsole\b"),
    "montre les tâches": (r"\bnetsrv\b", r"\brconsole\b"),
    "what may netsrv do?": (r"\birq\b|\bdma\b",),
    "aide": ("état|status", "mémoire"),
}


def answers(machine, requests):
    with machine.console() as session:
        for request, patterns in requests.items():
            answer = session.ask(request)
            for pattern in patterns:
                expect(pattern, answer, f"the answer to {request!r}")


@test_each(**WAYS)
def greeting_says_who_you_are_and_what_to_try(machine):
    with machine.console() as session:
        expect("observer", session.greeting, "the greeting")
        expect("help|status", session.greeting, "the greeting")


@test_each(**WAYS)
def every_command_answers(machine):
    answers(machine, EXPECTED)


@test_each(**WAYS)
def words_in_english_and_french_answer_the_same(machine):
    answers(machine, WORDS)


@test(KERNEL)
def commands_take_any_case_and_surplus_blanks(machine):
    answers(machine, {"  STATUS  ": EXPECTED["status"], "caps    netsrv": EXPECTED["caps netsrv"]})


@test(KERNEL)
def an_empty_line_and_an_unknown_request_get_a_prompt_again(machine):
    with machine.console() as session:
        session.ask("")
        check(session.ask("xyzzy plugh"), "an unknown request has no answer")
        expect(r"\bup\b|uptime", session.ask("status"))


@test(KERNEL)
def caps_of_unprivileged_services_hold_no_hardware(machine):
    for name in ("jarvis", "rconsole"):
        answer = machine.ask(f"caps {name}")
        expect(r"\bchannel\b", answer)
        check(not re.search(r"\b(irq|ioport|dma|root)\b", answer), f"{name} holds hardware: {answer}")


@test(KERNEL)
def caps_of_nobody_is_an_error_line(machine):
    with machine.console() as session:
        check(session.ask("caps nosuchtask"), "no answer")
        expect(r"\bup\b|uptime", session.ask("status"))


@test(KERNEL)
def trace_dump_counts_up_and_uses_the_documented_names(machine):
    rows = re.findall(r"^\[([ \d]{10})\]\[CPU(\d+)\] (\w+) payload=0x([0-9a-f]+)$", machine.ask("trace dump"), re.M)
    check(len(rows) >= 8, f"only {len(rows)} events")
    numbers = [int(row[0]) for row in rows]
    check(numbers == list(range(numbers[0], numbers[0] + len(rows))), f"numbers do not count up: {numbers}")
    names = event_names()
    check(all(row[2] in names for row in rows), f"unknown names: {set(row[2] for row in rows) - names}")


def event_names():
    from harness import ROOT
    text = (ROOT / "include/abi/trace_events.h").read_text()
    return set(re.findall(r"^\s+E\(\d+, (\w+),", text, re.M))


@test(KERNEL)
def echo_status_into_nc_dash_n_prints_the_answer_and_ends(machine):
    try:
        done = subprocess.run(f"echo status | nc -N 127.0.0.1 {machine.ports[CONSOLE]}", shell=True, timeout=60,
                              capture_output=True, text=True)
    except FileNotFoundError:
        raise Skip("no nc on this machine") from None
    check(done.returncode == 0, f"nc ended with {done.returncode}: {done.stderr}")
    expect(r"\bup\b|uptime", done.stdout)


@test(KERNEL)
def a_script_that_speaks_at_once_gets_answers_and_nothing_else(machine):
    answer = machine.once(b"network\n").decode()
    check("> " not in answer and "observer" not in answer, f"greeting or prompts in {answer!r}")
    check(len(machine.once(b"whoami --json\n").splitlines()) <= 2, "more than a line of JSON")


@test(KERNEL)
def half_close_answers_every_line_sent_before(machine):
    answer = machine.once(b"status\nmemory\nnetwork\n").decode()
    for pattern in (r"\bup\b|uptime", "free", r"10\.0\.2\.15"):
        expect(pattern, answer)


@test(KERNEL)
def a_last_line_without_line_end_is_answered_at_half_close(machine):
    expect(r"10\.0\.2\.15", machine.once(b"network").decode())


@test(KERNEL)
def crlf_and_lf_and_pieces_are_the_same_line(machine):
    plain = machine.ask("help")
    with machine.console() as session:
        session.send("help\r\n")
        crlf = session.read_until(re.compile(rb"> ?$")).decode().replace("\r", "")
        check(plain.strip() in crlf, f"CRLF gives another answer: {crlf!r}")
        for piece in (b"he", b"l", b"p", b"\n"):
            session.send(piece)
        pieces = session.read_until(re.compile(rb"> ?$")).decode().replace("\r", "")
        check(plain.strip() in pieces, f"a line in pieces gives another answer: {pieces!r}")


@test(KERNEL)
def telnet_negotiation_bytes_are_not_part_of_the_line(machine):
    iac = b"\xff\xfb\x18\xff\xfd\x01\xff\xfa\x18\x00xterm\xff\xf0\xff\xf1"
    answer = machine.once(iac + b"sta" + b"\xff\xfd\x03" + b"tus\r\n").decode("utf-8", "replace")
    expect(r"\bup\b|uptime", answer)


@test(KERNEL)
def utf8_words_pass_and_are_told_back_whole(machine):
    answers(machine, {"quelle est l’adresse réseau ?": (r"10\.0\.2\.15",)})
    answer = machine.once("œuvre ☃ 日本語 ¿qué?\n".encode())
    answer.decode("utf-8")  # fails when a character was cut


@test(KERNEL)
def cut_and_wrong_utf8_does_no_harm(machine):
    for bad in (b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xed\xa0\x80", b"\xfe\xfe"):
        machine.once(b"status " + bad + b"\nstatus\n")
    expect(r"\bup\b|uptime", machine.ask("status"))


@test(KERNEL)
def a_wrong_token_stays_observer_and_a_right_one_is_operator(machine):
    with machine.console() as session:
        answer = session.ask("login wrong")
        check(not re.search(r"\byou are (now )?operator", answer, re.I), f"a wrong token made an operator: {answer!r}")
        expect("observer", session.ask("whoami"))
        session.login()
        expect("operator", session.ask("whoami"))


@test(KERNEL)
def an_observer_can_not_restart_a_service(machine):
    with machine.console() as session:
        answer = session.ask("restart jarvis")
        expect("operator|right|login|not allowed|may not", answer)
        expect(r"\bup\b|uptime", session.ask("status"))


@test(WAYS["iso"])
def without_a_token_one_is_made_and_printed_on_the_serial_line(machine):
    token = expect(r"token[^\n]*?[:= ]\s*'?([A-Za-z0-9-]{6,})'?\s*$", machine.serial(), "the serial log")[1]
    with machine.console() as session:
        for words in ("log 400", "log of rconsole 400", "trace dump 256", "tasks", "caps rconsole"):
            check(token not in session.ask(words), f"an observer finds the token with {words!r}")
        expect("operator", session.ask(f"login {token}"))

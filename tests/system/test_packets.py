"""A raw peer on the wire: ARP, ICMP, IPv6, scans and packets that no proper host sends."""
import os
import random
import struct
import time

from harness import CONSOLE, Boot, Failure, Machine, check, test
from peer import ACK, FIN, GUEST_IP, IP, IP6, MAC, PSH, RST, SYN, Peer, Stream

STATIC = Boot(append="netbench ip=10.0.2.15/24,10.0.2.2", net="peer")
ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
SEED = int(os.environ.get("SEED", "20"))


class Wire:
    """A guest and the peer on its wire."""

    def __init__(self, boot=STATIC):
        self.peer = Peer()
        self.machine = Machine(boot, self.peer.port)

    def __enter__(self):
        self.peer.join()
        self.peer.find_guest()
        self.wait_listening()
        return self.peer, self.machine

    def wait_listening(self):
        end = time.monotonic() + 60
        while True:
            try:
                return self.peer.talk(CONSOLE, b"network\n", b"10.0.2.15", limit=10)
            except Failure:
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)

    def __exit__(self, *error):
        self.machine.__exit__(*error)
        self.peer.__exit__()


def alive(peer, text=""):
    check(peer.ping(limit=30), f"no answer to ping any more {text}")
    got = peer.talk(CONSOLE, b"network\n", b"10.0.2.15")
    check(b"10.0.2.15" in got, f"the console does not answer {text}")


@test()
def arp_icmp_and_a_tcp_conversation(boot=STATIC):
    with Wire(boot) as (peer, machine):
        for size in (0, 1, 56, 1000, 1472):
            check(peer.ping(size), f"no answer to a ping of {size} bytes")
        alive(peer)


@test()
def ipv6_address_by_slaac_ping_and_a_conversation(boot=STATIC):
    with Wire(boot) as (peer, machine):
        peer.find_guest6()
        check(peer.ping6() and peer.ping6(1200), "no answer to ICMPv6 echo")
        got = peer.talk(CONSOLE, b"network\n", b"fd00:7:", version=6)
        check(b"10.0.2.15" in got, f"`network` over IPv6 says {got!r}")


@test()
def a_scan_of_all_low_ports_gets_resets_and_does_no_harm():
    with Wire() as (peer, machine):
        open_ports, refused = set(), set()
        for port in list(range(1, 1200)) + [CONSOLE, 5001]:
            s = Stream(peer, port)
            s.local = 30000 + port % 20000
            s.segment(SYN, options=b"\2\4\x05\xb4")
            collect(peer, open_ports, refused)
        for _ in range(20):
            collect(peer, open_ports, refused, 0.1)
        check(CONSOLE in open_ports and 7 in open_ports, f"open ports seen: {open_ports}")
        check(len(refused) > 1000, f"only {len(refused)} closed ports refused")
        check(not refused & {7, 9, 19, CONSOLE}, "a listening port refused")
        alive(peer, "after the scan")


def collect(peer, open_ports, refused, limit=0):
    while True:
        frame = peer.frame(limit or 0.002)
        if not frame:
            return
        if frame[12:14] == b"\x08\x00" and frame[23] == 6:
            (open_ports if frame[47] & SYN else refused if frame[47] & RST else set()).add(
                struct.unpack("!H", frame[34:36])[0])


@test()
def a_flood_of_half_open_connections_ages_out_or_is_replaced():
    with Wire() as (peer, machine):
        source = random.Random(SEED)
        for i in range(600):
            s = Stream(peer, CONSOLE)
            s.local = 10000 + i
            s.segment(SYN, options=b"\2\4\x05\xb4")
            while peer.frame(0.002):
                pass
        for s in range(200):
            Stream(peer, CONSOLE).segment(source.choice((ACK, FIN | ACK, RST, PSH | ACK, 0xff, 0)), b"x" * 10)
        check(peer.ping(limit=30), "no ping after a SYN flood")
        end = time.monotonic() + 150
        while True:
            try:
                return alive(peer, "after a SYN flood")
            except Failure:
                if time.monotonic() > end:
                    raise
                time.sleep(2)


def odd_packets(peer, source):
    """One malformed or hostile packet of some kind."""
    noise = source.randbytes(source.randrange(0, 1480))
    kind = source.randrange(14)
    if kind == 0:
        peer.send(peer.guest_mac + MAC + source.randbytes(2) + noise)
    elif kind == 1:
        peer.send(source.randbytes(source.randrange(1, 60)))
    elif kind == 2:
        peer.send_ip(source.choice((1, 2, 6, 17, 41, 58, 255)), noise)
    elif kind == 3:
        peer.send_ip(source.choice((1, 6, 17)), noise, length=source.randrange(65536))
    elif kind == 4:
        peer.send_ip(6, noise, version=0x40 | source.randrange(16))
    elif kind == 5:
        peer.send_ip(17, noise, fragment=source.randrange(65536))
    elif kind == 6:
        peer.send_ip(6, noise, checksum=source.randrange(65536))
    elif kind == 7:
        peer.send_ip(1, noise, source=source.choice((GUEST_IP, b"\xff" * 4, b"\0" * 4, b"\x7f\0\0\1")))
    elif kind == 8:
        Stream(peer, source.choice((7, 9, 19, CONSOLE))).segment(
            source.randrange(256), noise[:500], source.randbytes(4 * source.randrange(11)),
            sequence=source.getrandbits(32), ack=source.getrandbits(32), offset=source.randrange(256))
    elif kind == 9:
        peer.send(b"\xff" * 6 + MAC + b"\x08\x06" + source.randbytes(source.randrange(60)))
    elif kind == 10:
        peer.send(peer.arp(source.choice((1, 2, 9)), source.randbytes(6), source.choice((GUEST_IP, IP, b"\0" * 4))))
    elif kind == 11:
        peer.send_ip6(source.choice((IP6, ALL_NODES)), source.choice((0, 6, 17, 43, 44, 58, 60)), noise,
                      length=source.choice((len(noise), 0, 65535)))
    elif kind == 12:
        body = source.randbytes(source.randrange(80))
        peer.send_ip6(ALL_NODES, 58, peer.icmp6(source.randrange(256), 0, body, ALL_NODES))
    else:
        udp = struct.pack("!HHHH", 67, 68, source.choice((8 + len(noise), 0, 65535)), 0) + noise
        peer.send_ip(17, udp)


@test()
def five_thousand_malformed_packets_do_no_harm():
    with Wire() as (peer, machine):
        source = random.Random(SEED)
        for i in range(5000):
            odd_packets(peer, source)
            while peer.frame(0.0005):
                pass
            if i % 1000 == 999:
                alive(peer, f"after {i + 1} odd packets, seed {SEED}")
        check("PANIC" not in machine.serial().upper(), "panic")
        check("fault" not in machine.serial().lower(), f"a service faulted:\n{machine.serial()[-1500:]}")


@test()
def bad_segments_inside_a_connection_do_not_break_it(boot=STATIC):
    with Wire(boot) as (peer, machine):
        source = random.Random(SEED)
        s = Stream(peer, 7).open()
        for i in range(200):
            odd = source.randrange(5)
            if odd == 0:
                s.segment(PSH | ACK, b"old", sequence=s.next - source.randrange(1, 2000))
            elif odd == 1:
                s.segment(PSH | ACK, b"far ahead", sequence=s.next + 10_000_000)
            elif odd == 2:
                s.segment(PSH | ACK, b"wrong checksum", checksum=source.randrange(1, 65535))
            elif odd == 3:
                s.segment(ACK, ack=s.expected + 1_000_000)
            elif odd == 4:
                s.segment(RST, sequence=s.next + 200_000)
            text = f"line {i} ".encode()
            s.got = b""
            s.send(text)
            s.read_until(text)
        s.reset()
        alive(peer)


@test()
def a_zero_window_peer_is_waited_for():
    with Wire() as (peer, machine):
        s = Stream(peer, 19).open()
        s.take(5)
        for _ in range(20):
            s.segment(ACK, window=0)
            while peer.frame(0.02):
                pass
        alive(peer, "beside a peer with a closed window")
        s.got = b""
        s.segment(ACK)
        end = time.monotonic() + 60
        while len(s.got) < 3000:
            check(time.monotonic() < end, "chargen did not go on when the window opened")
            s.take(0.5, lambda: s.segment(ACK))
        s.reset()


@test()
def packets_lost_on_the_way_are_sent_again():
    with Wire() as (peer, machine):
        s = Stream(peer, 19).open()
        source, end = random.Random(SEED), time.monotonic() + 120
        while len(s.got) < 60000:
            check(time.monotonic() < end, f"only {len(s.got)} bytes in 120 s with 10 % loss")
            if source.random() < 0.1:
                peer.frame(0.05)  # lost
            else:
                s.take(1)
        from test_bulk import CHARGEN_PERIOD
        expected = CHARGEN_PERIOD * 10
        check(s.got == expected[:len(s.got)], "the bytes differ after losses")
        s.reset()
        alive(peer)

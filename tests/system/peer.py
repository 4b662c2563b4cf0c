"""The other end of the guest's wire: a host made of Python that speaks ARP, IPv4, IPv6, ICMP and enough TCP to hold a
conversation - and says what no proper host would.  QEMU joins with `-netdev socket,connect=`: each frame comes behind
its length, 32 bits big-endian."""
import os
import random
import socket
import struct
import time

import harness
from harness import check

MAC = bytes.fromhex("525500000002")
BROADCAST = b"\xff" * 6
IP = bytes((10, 0, 2, 2))
GUEST_IP = bytes((10, 0, 2, 15))
IP6 = socket.inet_pton(socket.AF_INET6, "fe80::2")
PREFIX6 = socket.inet_pton(socket.AF_INET6, "fd00:7::")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo(source, target, protocol, length):
    if len(source) == 4:
        return source + target + struct.pack("!BBH", 0, protocol, length)
    return source + target + struct.pack("!II", length, protocol)


class Peer:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.wire, self.guest_mac, self.guest_ip6, self.seen = None, None, None, []

    def join(self, limit=60):
        self.listener.settimeout(limit * harness.SCALE)
        self.wire, _ = self.listener.accept()
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for s in (self.wire, self.listener):
            if s:
                s.close()

    # ---- frames ----
    def send(self, frame):
        self.wire.sendall(struct.pack("!I", len(frame)) + frame)

    def read_wire(self, n, end):
        data = b""
        while len(data) < n:
            self.wire.settimeout(max(end - time.monotonic(), 0.001) if not data else 10)
            part = self.wire.recv(n - len(data))
            check(part, "QEMU closed the wire")
            data += part
        return data

    def frame(self, limit):
        """The next frame, or None; ARP and neighbour requests for us are answered on the way."""
        end = time.monotonic() + limit
        try:
            frame = self.read_wire(struct.unpack("!I", self.read_wire(4, end))[0], end)
        except TimeoutError:
            return None
        self.guest_mac = frame[6:12]
        self.answer(frame)
        return frame

    def answer(self, frame):
        kind = frame[12:14]
        if kind == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == IP:
            self.send(self.arp(2, frame[6:12], frame[28:32]))
        elif kind == b"\x86\xdd" and frame[20] == 58 and frame[54] == 135 and frame[62:78] == IP6:
            source = frame[22:38]
            body = struct.pack("!I", 0x60000000) + IP6 + b"\2\1" + MAC
            self.send_ip6(source, 58, self.icmp6(136, 0, body, source))
        elif kind == b"\x86\xdd" and frame[20] == 58 and frame[54] == 133:
            self.advertise_router()

    def wait(self, wanted, limit=20, again=None):
        """The first frame for which wanted(frame) is true; `again` is called each second meanwhile."""
        end, next_again = time.monotonic() + limit * harness.SCALE, 0
        while time.monotonic() < end:
            if again and time.monotonic() >= next_again:
                again()
                next_again = time.monotonic() + 1
            frame = self.frame(0.2)
            if frame and wanted(frame):
                return frame
        return None

    # ---- addresses ----
    def arp(self, operation, target_mac, target_ip):
        return ((BROADCAST if operation == 1 else target_mac) + MAC + b"\x08\x06" +
                struct.pack("!HHBBH", 1, 0x800, 6, 4, operation) + MAC + IP + target_mac + target_ip)

    def find_guest(self, limit=120):
        """ARP until the guest answers for its address."""
        frame = self.wait(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[28:32] == GUEST_IP, limit,
                          lambda: self.send(self.arp(1, b"\0" * 6, GUEST_IP)))
        check(frame, "no ARP answer for 10.0.2.15")
        return frame[22:28]

    def advertise_router(self):
        prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 3600, 0) + PREFIX6
        body = struct.pack("!BBHII", 64, 0, 1800, 0, 0) + b"\1\1" + MAC + prefix
        all_nodes = socket.inet_pton(socket.AF_INET6, "ff02::1")
        self.send_ip6(all_nodes, 58, self.icmp6(134, 0, body, all_nodes), mac=bytes.fromhex("333300000001"))

    def find_guest6(self, limit=60):
        """SLAAC: announces a prefix and solicits the address that the guest makes of it and its MAC."""
        m = self.guest_mac
        self.guest_ip6 = PREFIX6[:8] + bytes((m[0] ^ 2,)) + m[1:3] + b"\xff\xfe" + m[3:]
        group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + self.guest_ip6[13:]

        def solicit():
            self.advertise_router()
            body = b"\0" * 4 + self.guest_ip6 + b"\1\1" + MAC
            self.send_ip6(group, 58, self.icmp6(135, 0, body, group), mac=b"\x33\x33" + group[12:])
        frame = self.wait(lambda f: f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == 136 and
                          f[62:78] == self.guest_ip6, limit, solicit)
        check(frame, "no neighbour advertisement for the guest's SLAAC address")

    # ---- packets ----
    def send_ip(self, protocol, payload, target=GUEST_IP, mac=None, **odd):
        length = odd.get("length", 20 + len(payload))
        header = struct.pack("!BBHHHBBH", odd.get("version", 0x45), 0, length, random.getrandbits(16),
                             odd.get("fragment", 0), 64, protocol, 0) + odd.get("source", IP) + target
        total = odd.get("checksum", checksum(header))
        header = header[:10] + struct.pack("!H", total) + header[12:]
        self.send((mac or self.guest_mac) + MAC + b"\x08\x00" + header + payload)

    def send_ip6(self, target, protocol, payload, mac=None, **odd):
        header = struct.pack("!IHBB", 0x60000000, odd.get("length", len(payload)), protocol, 255)
        self.send((mac or self.guest_mac) + MAC + b"\x86\xdd" + header + IP6 + target + payload)

    def icmp6(self, kind, code, body, target):
        data = struct.pack("!BBH", kind, code, 0) + body
        total = checksum(pseudo(IP6, target, 58, len(data)) + data)
        return data[:2] + struct.pack("!H", total) + data[4:]

    def ping(self, size=56, limit=20):
        """True when an ICMP echo of `size` bytes comes back unchanged."""
        ident, data = random.getrandbits(16), os.urandom(size)
        packet = struct.pack("!BBHHH", 8, 0, 0, ident, 1) + data
        packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        wanted = struct.pack("!HH", ident, 1) + data
        return bool(self.wait(lambda f: f[12:14] == b"\x08\x00" and f[23] == 1 and f[34] == 0 and
                              f[38:38 + len(wanted)] == wanted, limit, lambda: self.send_ip(1, packet)))

    def ping6(self, size=56, limit=20):
        ident, data = random.getrandbits(16), os.urandom(size)
        body = struct.pack("!HH", ident, 1) + data
        packet = self.icmp6(128, 0, body, self.guest_ip6)
        return bool(self.wait(lambda f: f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == 129 and
                              f[58:58 + len(body)] == body, limit,
                              lambda: self.send_ip6(self.guest_ip6, 58, packet)))

    def talk(self, port, text, wanted, version=4, limit=60):
        """A TCP conversation: connects, sends `text`, reads until `wanted` (bytes) came, resets.  Returns what came."""
        stream = Stream(self, port, version).open(limit)
        try:
            stream.send(text, limit)
            return stream.read_until(wanted, limit)
        finally:
            stream.reset()


class Stream:
    """One TCP connection of the peer's, in order only: what comes early is dropped and will be sent again."""

    def __init__(self, peer, port, version=4):
        self.peer, self.version, self.remote = peer, version, port
        self.local = random.randrange(40000, 60000)
        self.next, self.expected, self.acknowledged, self.got, self.fin = random.getrandbits(32), 0, 0, b"", False

    def segment(self, flags, data=b"", options=b"", **odd):
        source, target = (IP, GUEST_IP) if self.version == 4 else (IP6, self.peer.guest_ip6)
        packet = struct.pack("!HHIIBBHHH", self.local, self.remote, odd.get("sequence", self.next) & 0xffffffff,
                             odd.get("ack", self.expected) & 0xffffffff,
                             odd.get("offset", (20 + len(options)) // 4 << 4), flags, odd.get("window", 60000), 0,
                             odd.get("urgent", 0)) + options + data
        total = odd.get("checksum", checksum(pseudo(source, target, 6, len(packet)) + packet))
        packet = packet[:16] + struct.pack("!H", total) + packet[18:]
        if self.version == 4:
            self.peer.send_ip(6, packet)
        else:
            self.peer.send_ip6(target, 6, packet)

    def receive(self, limit, again=None):
        """The next segment of this connection: (flags, sequence, ack, data) or None."""
        at = 34 if self.version == 4 else 54
        kind = b"\x08\x00" if self.version == 4 else b"\x86\xdd"
        ports = struct.pack("!HH", self.remote, self.local)
        frame = self.peer.wait(lambda f: f[12:14] == kind and f[23 if self.version == 4 else 20] == 6 and
                               f[at:at + 4] == ports, limit, again)
        if not frame:
            return None
        sequence, ack, offset, flags = struct.unpack("!IIBB", frame[at + 4:at + 14])
        end = 14 + struct.unpack("!H", frame[16:18])[0] if self.version == 4 else \
            54 + struct.unpack("!H", frame[18:20])[0]
        return flags, sequence, ack, frame[at + (offset >> 4) * 4:end]

    def open(self, limit=60):
        got = self.receive(limit, lambda: self.segment(SYN, options=b"\2\4\x05\xb4"))
        check(got, f"no answer to SYN for port {self.remote}")
        check(got[0] & (SYN | ACK) == SYN | ACK, f"flags {got[0]:#x} answer a SYN for port {self.remote}")
        self.expected, self.next = (got[1] + 1) & 0xffffffff, (self.next + 1) & 0xffffffff
        self.segment(ACK)
        return self

    def take(self, limit=1, again=None):
        """Takes in one segment; False when none came."""
        got = self.receive(limit, again)
        if not got:
            return False
        flags, sequence, ack, data = got
        check(not flags & RST, "the guest reset the connection")
        self.acknowledged = ack
        if sequence == self.expected:
            self.got += data
            self.fin |= bool(flags & FIN)
            self.expected = (self.expected + len(data) + bool(flags & FIN)) & 0xffffffff
        if data or flags & FIN:
            self.segment(ACK)
        return True

    def send(self, data, limit=60):
        """Sends and waits until it is acknowledged."""
        start, self.next = self.next, (self.next + len(data)) & 0xffffffff
        end, due = time.monotonic() + limit * harness.SCALE, 0
        while self.acknowledged != self.next:
            check(time.monotonic() < end, "the guest does not acknowledge data")
            if time.monotonic() > due:
                self.segment(PSH | ACK, data, sequence=start)
                due = time.monotonic() + 1
            self.take(0.2)

    def read_until(self, wanted, limit=60):
        end = time.monotonic() + limit * harness.SCALE
        while wanted not in self.got:
            check(time.monotonic() < end, f"no {wanted!r} came, only {self.got[-200:]!r}")
            self.take(0.2)
        return self.got

    def reset(self):
        self.segment(RST | ACK)

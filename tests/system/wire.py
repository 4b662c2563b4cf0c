"""The guest's wire with somebody on it who loses frames: QEMU's user network on one end, the guest's card on the other
(Boot(net="wire")), each frame behind its length, 32 bits big-endian."""
import random
import socket
import struct
import threading

from harness import SCALE

SYN_ALONE, ACK = 0x02, 0x10


class Wire:
    """Loses each TCP frame with probability `loss`, and all those of `silent` connections."""

    def __init__(self, seed):
        self.random, self.loss = random.Random(seed), 0.0
        self.frames = self.dropped = 0
        self.silent, self.begun = set(), []  # (guest port, remote port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.ends = []

    def join(self):
        self.listener.settimeout(60 * SCALE)
        self.ends = [self.listener.accept()[0] for _ in range(2)]  # the network's, then the card's: QEMU's own order
        for one, other in (self.ends, self.ends[::-1]):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.pump, args=(one, other, one is self.ends[0]), daemon=True).start()
        return self

    def close(self):
        for s in (*self.ends, self.listener):
            s.close()

    def pump(self, source, target, inwards):
        held = bytearray()
        try:
            while piece := source.recv(1 << 16):
                held += piece
                at, keep = 0, bytearray()
                while len(held) - at >= 4:
                    end = at + 4 + struct.unpack_from("!I", held, at)[0]
                    if end > len(held):
                        break
                    if self.passes(held[at + 4:end], inwards):
                        keep += held[at:end]
                    at = end
                del held[:at]
                target.sendall(keep)
        except OSError:
            pass  # the machine is gone

    def passes(self, frame, inwards):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return True
        at = 14 + (frame[14] & 15) * 4
        remote, guest = struct.unpack_from("!HH", frame, at)
        if not inwards:
            remote, guest = guest, remote
        elif frame[at + 13] & (SYN_ALONE | ACK) == SYN_ALONE:
            self.begun.append((guest, remote))
        self.frames += 1
        lost = (guest, remote) in self.silent or self.random.random() < self.loss
        self.dropped += lost
        return not lost

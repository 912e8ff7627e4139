"""What strangers may throw at a replica's Raft port, and a tap that records what two replicas really say."""

import pickle
import socket
import struct
import threading
import zlib
from contextlib import suppress
from random import Random

from introductions import EmptyReplicaGreetings, secure_channel

from quitanda_replica.cluster_keys import KeyLabel, derive_key
from quitanda_replica.raft.codec import encode
from quitanda_replica.raft.secure_channel import FRAME_BYTES_MAX, MAGIC, PREAMBLE_BYTES

TLS_HELLO = bytes.fromhex("16030100c8010000c403035b") + bytes(120)
HTTP = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /quitanda.v1.Replica/Execute HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab",
    b"SSH-2.0-OpenSSH_9.6\r\n",
)
ADMIN = (
    "readonly",
    ["status"],
    ["add", "127.0.0.1:1"],
    ["remove", "replica1"],
    ["transfer", "replica2"],
    ["set_version", 9],
    "replica1",
    "replica3",
    {"type": "append_entries", "term": 10**6, "commit_index": 1, "prevLogIdx": 1, "prevLogTerm": 0, "entries": []},
    {"type": "request_vote", "term": 10**6, "last_log_index": 10**9, "last_log_term": 10**6},
    {"type": "apply_command", "command": b"\x00x"},
)


class Hostile:
    """A pickle that makes the file `marker` where it is loaded."""

    def __init__(self, marker):
        self._marker = str(marker)

    def __reduce__(self):
        return open, (self._marker, "w")


class Tap:
    """A relay in front of a Raft port; keeps what the connecting side has said, from its greeting on."""

    BYTES_KEPT = 200_000

    def __init__(self, port, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", port))
        self.recorded = bytearray()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(self._target)
                except ConnectionError:
                    near.close()
                    continue
                self.recorded.clear()
                threading.Thread(target=self._pump, args=(near, far, self.recorded), daemon=True).start()
                threading.Thread(target=self._pump, args=(far, near, None), daemon=True).start()

    def _pump(self, source, sink, record):
        with suppress(OSError):
            while data := source.recv(65536):
                if record is not None and len(record) < self.BYTES_KEPT:
                    record += data
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self):
        # shut down first: closing alone does not end an `accept` that waits in another thread
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Stranger:
    """Throws one input after the other at a port; keeps some connections open and silent meanwhile."""

    HELD_MAX = 40

    def __init__(self, target, recorded, marker, seed):
        self._target = target
        self._recorded = recorded
        self._pickle = Hostile(marker)
        self._chance = Random(seed)
        self._held = []
        self.thrown = 0
        self.kinds = (
            self._pickles,
            self._garbage,
            self._protocols,
            self._admin_messages,
            self._wrong_secret,
            self._replay,
            self._replay_frames,
            self._truncated,
            self._oversized,
            self._half_open,
            self._crowd,
        )

    def throw(self, count, until=lambda: True):
        """Throw at least `count` inputs, and go on until the condition holds as well."""
        try:
            while self.thrown < count or not until():
                self._chance.choice(self.kinds)()
        finally:
            self.close()

    def close(self):
        while self._held:
            self._held.pop().close()

    # --- one input each

    def _pickles(self):
        data = pickle.dumps(self._pickle, protocol=self._chance.randrange(2, 6))
        framed = struct.pack("i", len(data)) + data
        compressed = zlib.compress(data)
        self._say(self._chance.choice((data, framed, struct.pack("i", len(compressed)) + compressed, MAGIC + data)))

    def _garbage(self):
        self._say(self._chance.randbytes(self._chance.choice((1, 7, 8, 39, 40, 41, 500, 70_000))))

    def _protocols(self):
        self._say(self._chance.choice((TLS_HELLO, *HTTP)))

    def _admin_messages(self):
        data = zlib.compress(pickle.dumps(self._chance.choice(ADMIN)), 3)
        self._say(struct.pack("i", len(data)) + data)

    def _wrong_secret(self):
        """A whole handshake as a replica makes it, with another secret, and a message of a leader behind it."""
        channel = secure_channel(
            derive_key("not the secret of this cluster", KeyLabel.RAFT_CHANNEL),
            self._chance.choice(("replica2", "replica3")),
            EmptyReplicaGreetings(),
            connects_to="replica1",
        )
        with self._connected() as sock:
            self._send(sock, b"".join(channel.take_outgoing()))
            with suppress(OSError):
                channel.receive(receive(sock, PREAMBLE_BYTES))
                vote = encode({"type": "request_vote", "term": 10**6, "last_log_index": 10**9, "last_log_term": 10**6})
                self._send(sock, b"".join(channel.take_outgoing()) + channel.seal(vote))
                closed(sock)

    def _replay(self):
        """What a real replica once said, word for word."""
        self._say(bytes(self._recorded[: self._chance.randrange(PREAMBLE_BYTES, len(self._recorded))]))

    def _replay_frames(self):
        """A greeting of one's own, then recorded frames from some point on."""
        start = self._chance.randrange(PREAMBLE_BYTES, len(self._recorded))
        self._say(self._greeting() + bytes(self._recorded[start : start + 2000]))

    def _truncated(self):
        self._say(bytes(self._recorded[: self._chance.randrange(1, PREAMBLE_BYTES + 60)]))

    def _oversized(self):
        length = self._chance.choice((1025, 1 << 20, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, 0xFFFFFFFF))
        self._say(self._greeting() + struct.pack(">I", length) + self._chance.randbytes(3000))

    def _half_open(self):
        """Begin to speak, and stay; a few are held at a time."""
        sock = self._connected()
        if self._chance.random() < 0.5:
            self._send(sock, self._greeting()[: self._chance.randrange(PREAMBLE_BYTES)])
        self._held.append(sock)
        if len(self._held) > self.HELD_MAX:
            self._held.pop(0).close()

    def _crowd(self):
        """Many at once."""
        crowd = [self._connected() for _ in range(self._chance.randrange(2, 30))]
        for sock in crowd:
            self._send(sock, self._chance.randbytes(10))
        for sock in crowd:
            sock.close()

    # --- how

    def _greeting(self):
        return MAGIC + self._chance.randbytes(PREAMBLE_BYTES - len(MAGIC))

    def _connected(self):
        self.thrown += 1
        return socket.create_connection(self._target, timeout=10)

    def _say(self, data):
        """Say it, and either leave at once, or wait until the other side has had enough, or hear that it waits."""
        with self._connected() as sock:
            self._send(sock, data)
            if self._chance.random() < 0.3:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_WR)
                closed(sock)

    @staticmethod
    def _send(sock, data):
        with suppress(ConnectionError):  # it had enough before the end
            sock.sendall(data)


def receive(sock, count):
    data = b""
    while len(data) < count and (more := sock.recv(count - len(data))):
        data += more
    return data


def closed(sock):
    """Wait until the other side closes."""
    with suppress(ConnectionError):
        while sock.recv(4096):
            pass

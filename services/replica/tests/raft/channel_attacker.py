"""Someone on the way between two replicas, who may read, keep, change, repeat and leave out everything."""

import selectors
import socket
import struct
import threading
from contextlib import suppress

from quitanda_replica.raft.secure_channel import PREAMBLE_BYTES

FROM_CONNECTOR, FROM_LISTENER = 0, 1


def address_of(text):
    host, port = text.split(":")
    return host, int(port)


class Units:
    """Cuts one direction's bytes into units: first the preamble, then frames."""

    def __init__(self):
        self._inbox = bytearray()
        self._next = PREAMBLE_BYTES
        self.count = 0

    def take(self, data):
        self._inbox += data
        while len(self._inbox) >= self._needed():
            end = self._needed()
            unit = bytes(self._inbox[:end])
            del self._inbox[:end]
            self.count += 1
            yield self.count - 1, unit

    def _needed(self):
        if not self.count:
            return PREAMBLE_BYTES
        if len(self._inbox) < 4:
            return 4
        return 4 + struct.unpack_from(">I", self._inbox)[0]


class Attacker:
    """A relay. `change(side, number, unit)` returns what is sent instead of the unit: pairs of a side and bytes.

    A side is FROM_CONNECTOR or FROM_LISTENER: the bytes of a pair go where that side's own bytes would go. None ends
    the connection. `number` counts the units of one direction of one connection: 0 is the preamble, 1 the greeting.
    """

    def __init__(self, target, change=None):
        self._target = target
        self.change = change or pass_on
        self.units = []
        """Every unit that came, of all connections: (connection, side, number, bytes)."""
        self.connections = 0
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(address_of(self._target))
                except OSError:
                    near.close()
                    continue
                self._open += [near, far]
                self.connections += 1
                threading.Thread(target=self._relay, args=(self.connections, near, far), daemon=True).start()

    def _relay(self, connection, near, far):
        ends = (near, far)
        units = (Units(), Units())
        with selectors.DefaultSelector() as selector, suppress(OSError):
            for side, end in enumerate(ends):
                selector.register(end, selectors.EVENT_READ, side)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        raise ConnectionError
                    for number, unit in units[key.data].take(data):
                        self.units.append((connection, key.data, number, unit))
                        instead = self.change(key.data, number, unit)
                        if instead is None:
                            raise ConnectionError
                        for side, changed in instead:
                            ends[1 - side].sendall(changed)
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self):
        for end in [self._listener, *self._open]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def pass_on(side, _number, unit):
    return [(side, unit)]

"""One connection between two replicas as bytes in and bytes out, without a socket: authentication, encryption, frames.

PySyncObj's own connection decodes before it checks a bound, derives the same key for ever, and cannot recognize a
repeated message; its pieces cannot be replaced one by one. This is the pre-shared-key form of TLS 1.3, in small:

- Both sides send a fresh random preamble in clear text, first the side that connected.
- The keys of this one connection, one for each direction, are derived from the key of all connections (`cluster_keys`)
  and both preambles (HKDF-SHA256, RFC 5869). While the cluster's secret is being changed there are two such keys: the
  side that connects uses its own, and the first frame shows the other side which of the two that is.
- Each frame is encrypted with ChaCha20-Poly1305 (RFC 8439) under its number on the connection. So a frame that decrypts
  was encrypted by a holder of the secret, for this connection, in this direction, at this place. Nothing that was
  recorded can be sent again.
- The first frame of each side is its greeting: who it is, which replica it means, and its cluster (`cluster_identity`).

There is no forward secrecy: whoever learns the secret can decrypt recorded connections.

    preamble = MAGIC, 32 random bytes          frame = length (4 bytes, big-endian), ciphertext, tag (16 bytes)
"""

import os
from collections.abc import Callable, Collection, Sequence
from struct import Struct
from typing import Final

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quitanda_replica.cluster_keys import KEY_BYTES
from quitanda_replica.raft.cluster_identity import Greeting, read_greeting

MAGIC: Final = b"QTDRAFT2"
PREAMBLE_BYTES: Final = len(MAGIC) + 32
TAG_BYTES: Final = 16
GREETING_BYTES_MAX: Final = 1024
"""The longest frame before the other side is authenticated."""
FRAME_BYTES_MAX: Final = 32 * 1024 * 1024
"""The longest frame of a replica: a message holds at most two of the largest entries, see RaftOptions."""

_LENGTH = Struct(">I")
_NUMBER = Struct(">4xQ")


class ChannelRejected(Exception):
    """The other side is not a replica of this cluster, or the bytes were damaged. Close the connection."""


class PeerRejected(ChannelRejected):
    """The other side is authentic, but not of the same cluster. Both sides know why once the frames are sent."""


class SecureChannel:
    """One side of a connection. The side that connected knows which peer it means; the other side learns it."""

    def __init__(
        self,
        channel_keys: Sequence[bytes],
        name: str,
        greeting_to: Callable[[str], Greeting],
        check_greeting: Callable[[str, Greeting], str],
        *,
        connects_to: str = "",
        accepts: Collection[str] = (),
    ) -> None:
        """`greeting_to` and `check_greeting`: see `network.Receiver`.

        The side that connects uses the first of `channel_keys`; the side that accepts the connection takes any of them.
        """
        self.peer = connects_to
        """The name of the other side; on the side that accepted the connection '' until the other is authenticated."""
        self.established = False
        self._untried_keys = list(channel_keys[:1] if connects_to else channel_keys)
        self._name = name
        self._greeting_to = greeting_to
        self._check_greeting = check_greeting
        self._initiator = bool(connects_to)
        self._accepts = accepts
        self._salt = b""
        self._preamble = MAGIC + os.urandom(PREAMBLE_BYTES - len(MAGIC))
        self._inbox = bytearray()
        self._outbox: list[bytes] = [self._preamble] if self._initiator else []
        self._seal: ChaCha20Poly1305 | None = None
        self._open: ChaCha20Poly1305 | None = None
        self._sealed = 0
        self._opened = 0

    @property
    def preamble_received(self) -> bool:
        """True once the other side has sent a complete preamble. That proves nothing yet."""
        return self._open is not None

    def take_outgoing(self) -> list[bytes]:
        """Return, and forget, the bytes of the handshake that must be sent now."""
        outgoing, self._outbox = self._outbox, []
        return outgoing

    def seal(self, data: bytes) -> bytes:
        """Return the frame that carries `data`. Frames must be sent in the order in which they were made."""
        if self._seal is None:
            raise AssertionError("the preambles have not been exchanged yet")
        ciphertext = self._seal.encrypt(_NUMBER.pack(self._sealed), data, None)
        self._sealed += 1
        return _LENGTH.pack(len(ciphertext)) + ciphertext

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes from the socket. Return the messages that they complete. Raises ChannelRejected."""
        self._inbox += data
        if self._open is None and not self._take_preamble():
            return []
        messages = []
        while (frame := self._take_frame()) is not None:
            if self.established:
                messages.append(frame)
            else:
                self._take_greeting(frame)
        return messages

    def _take_preamble(self) -> bool:
        if not MAGIC.startswith(self._inbox[: len(MAGIC)]):
            raise ChannelRejected("it does not speak this protocol")
        if len(self._inbox) < PREAMBLE_BYTES:
            return False
        theirs = bytes(self._inbox[:PREAMBLE_BYTES])
        del self._inbox[:PREAMBLE_BYTES]
        self._salt = self._preamble + theirs if self._initiator else theirs + self._preamble
        self._take_next_key()
        if self._initiator:
            self._send_greeting(self.peer)
        else:
            self._outbox.append(self._preamble)
        return True

    def _take_next_key(self) -> None:
        info = b"quitanda raft conversation v2"
        hkdf = HKDF(algorithm=SHA256(), length=2 * KEY_BYTES, salt=self._salt, info=info)
        keys = hkdf.derive(self._untried_keys.pop(0))
        forth, back = ChaCha20Poly1305(keys[:KEY_BYTES]), ChaCha20Poly1305(keys[KEY_BYTES:])
        self._seal, self._open = (forth, back) if self._initiator else (back, forth)

    def _take_frame(self) -> bytes | None:
        if len(self._inbox) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._inbox)
        if not TAG_BYTES <= length <= (FRAME_BYTES_MAX if self.established else GREETING_BYTES_MAX):
            raise ChannelRejected(f"a frame of {length} bytes is out of range")
        end = _LENGTH.size + length
        if len(self._inbox) < end:
            return None
        ciphertext = bytes(memoryview(self._inbox)[_LENGTH.size : end])
        del self._inbox[:end]
        return self._decrypt(ciphertext)

    def _decrypt(self, ciphertext: bytes) -> bytes:
        if self._open is None:
            raise AssertionError("the preambles have not been exchanged yet")
        try:
            data = self._open.decrypt(_NUMBER.pack(self._opened), ciphertext, None)
        except InvalidTag:
            if self._untried_keys:
                self._take_next_key()
                return self._decrypt(ciphertext)
            raise ChannelRejected("a frame does not decrypt: it has another secret, or was damaged") from None
        self._untried_keys.clear()  # the first frame decides
        self._opened += 1
        return data

    def _take_greeting(self, frame: bytes) -> None:
        try:
            fields = msgpack.unpackb(frame)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise ChannelRejected("its first frame is not a greeting") from error
        match fields:
            case [str(sender), str(addressee), [*rest]] if (greeting := read_greeting(rest)) is not None:
                self._authenticate(sender, addressee, greeting)
            case _:
                raise ChannelRejected("its first frame is not a greeting")

    def _send_greeting(self, peer: str) -> None:
        greeting = self._greeting_to(peer)
        self._outbox.append(self.seal(msgpack.packb([self._name, peer, greeting.as_list()])))

    def _authenticate(self, sender: str, addressee: str, greeting: Greeting) -> None:
        known = sender == self.peer if self._initiator else sender in self._accepts
        if not known or addressee != self._name:
            raise ChannelRejected(f"it says that it is {sender[:64]!r} and means {addressee[:64]!r}")
        if not self._initiator:
            self.peer = sender
            self._send_greeting(sender)
        if reason := self._check_greeting(sender, greeting):
            raise PeerRejected(reason)
        self.established = True

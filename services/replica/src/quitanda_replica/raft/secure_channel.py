"""One conversation between two replicas as bytes in and bytes out, without a socket: proof, encryption, frames.

PySyncObj's own connection decodes before it bounds, derives the same key for ever and cannot tell a repeated
message; its pieces cannot be replaced one by one. This is the pre-shared-key shape of TLS 1.3 in small:
both sides send a fresh random greeting in clear, the one that connected first; the keys of this one conversation, one
for each direction, come from the key of all conversations (cluster_keys) and both greetings (HKDF-SHA256, RFC 5869);
each frame is sealed with ChaCha20-Poly1305 (RFC 8439) and its number in the conversation. So a frame that opens was
sealed by a holder of the secret, for this conversation, in this direction, at this place; nothing recorded can be sent
again. The first frame of each side says who it is, whom it means, and of which cluster it is (cluster_identity). There
is no forward secrecy: who learns the secret can read recorded conversations.

    greeting = MAGIC, 32 random bytes          frame = length (4 bytes, big-endian), ciphertext, tag (16 bytes)
"""

import os
from collections.abc import Collection
from struct import Struct
from typing import Final, Protocol

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quitanda_replica.cluster_keys import KEY_BYTES
from quitanda_replica.raft.cluster_identity import Greeting, read_greeting

MAGIC: Final = b"QTDRAFT2"
GREETING_BYTES: Final = len(MAGIC) + 32
TAG_BYTES: Final = 16
HELLO_BYTES_MAX: Final = 1024
"""Longest frame before the other side has proved who it is."""
FRAME_BYTES_MAX: Final = 32 * 1024 * 1024
"""Longest frame from a replica: one round's entries are at most two of the largest, see RaftOptions."""

_LENGTH = Struct(">I")
_NUMBER = Struct(">4xQ")


class ChannelRefused(Exception):
    """The other side is not a replica of this cluster, or damaged what it sent; close the connection."""


class PeerRefused(ChannelRefused):
    """The other side is who it says, but not of the same cluster; both sides know why once the frames are sent."""


class Introduction(Protocol):
    """Who knows what to say first, and what must be heard."""

    def greeting_to(self, peer: str) -> Greeting:
        """Return what a conversation with `peer` begins with."""

    def judge(self, peer: str, greeting: Greeting) -> str:
        """Return why `peer` is refused, or ''."""


class SecureChannel:
    """One side of a conversation. The side that connected knows whom it means; the other one learns it."""

    def __init__(
        self,
        channel_key: bytes,
        name: str,
        introduction: Introduction,
        *,
        connects_to: str = "",
        accepts: Collection[str] = (),
    ) -> None:
        self.peer = connects_to
        """Name of the other side; '' until it has proved it, on the side that was connected to."""
        self.established = False
        self._channel_key = channel_key
        self._name = name
        self._introduction = introduction
        self._initiator = bool(connects_to)
        self._accepts = accepts
        self._greeting = MAGIC + os.urandom(GREETING_BYTES - len(MAGIC))
        self._inbox = bytearray()
        self._outbox: list[bytes] = [self._greeting] if self._initiator else []
        self._seal: ChaCha20Poly1305 | None = None
        self._open: ChaCha20Poly1305 | None = None
        self._sealed = 0
        self._opened = 0

    @property
    def greeted(self) -> bool:
        """True once the other side has sent a complete greeting; that proves nothing yet."""
        return self._open is not None

    def take_outgoing(self) -> list[bytes]:
        """Return what must be sent now because of the greeting, and forget it."""
        outgoing, self._outbox = self._outbox, []
        return outgoing

    def seal(self, data: bytes) -> bytes:
        """Return the frame that carries `data`; frames must be sent in the order in which they were sealed."""
        if self._seal is None:
            raise AssertionError("the greetings have not been exchanged yet")
        ciphertext = self._seal.encrypt(_NUMBER.pack(self._sealed), data, None)
        self._sealed += 1
        return _LENGTH.pack(len(ciphertext)) + ciphertext

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes from the socket; return the messages that they complete. Raises ChannelRefused."""
        self._inbox += data
        if self._open is None and not self._take_greeting():
            return []
        messages = []
        while (frame := self._take_frame()) is not None:
            if self.established:
                messages.append(frame)
            else:
                self._take_hello(frame)
        return messages

    def _take_greeting(self) -> bool:
        if not MAGIC.startswith(self._inbox[: len(MAGIC)]):
            raise ChannelRefused("it does not speak this protocol")
        if len(self._inbox) < GREETING_BYTES:
            return False
        theirs = bytes(self._inbox[:GREETING_BYTES])
        del self._inbox[:GREETING_BYTES]
        self._derive_keys(theirs)
        if self._initiator:
            self._say_hello(self.peer)
        else:
            self._outbox.append(self._greeting)
        return True

    def _derive_keys(self, theirs: bytes) -> None:
        salt = self._greeting + theirs if self._initiator else theirs + self._greeting
        hkdf = HKDF(algorithm=SHA256(), length=2 * KEY_BYTES, salt=salt, info=b"quitanda raft conversation v2")
        keys = hkdf.derive(self._channel_key)
        forth, back = ChaCha20Poly1305(keys[:KEY_BYTES]), ChaCha20Poly1305(keys[KEY_BYTES:])
        self._seal, self._open = (forth, back) if self._initiator else (back, forth)

    def _take_frame(self) -> bytes | None:
        if len(self._inbox) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._inbox)
        if not TAG_BYTES <= length <= (FRAME_BYTES_MAX if self.established else HELLO_BYTES_MAX):
            raise ChannelRefused(f"a frame of {length} bytes is out of range")
        end = _LENGTH.size + length
        if len(self._inbox) < end:
            return None
        ciphertext = bytes(memoryview(self._inbox)[_LENGTH.size : end])
        del self._inbox[:end]
        return self._decrypt(ciphertext)

    def _decrypt(self, ciphertext: bytes) -> bytes:
        if self._open is None:
            raise AssertionError("the greetings have not been exchanged yet")
        try:
            data = self._open.decrypt(_NUMBER.pack(self._opened), ciphertext, None)
        except InvalidTag:
            raise ChannelRefused("a frame does not open: another secret, or damaged on the way") from None
        self._opened += 1
        return data

    def _take_hello(self, frame: bytes) -> None:
        try:
            hello = msgpack.unpackb(frame)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise ChannelRefused("its first frame is not a hello") from error
        match hello:
            case [str(sender), str(addressee), [*fields]] if (greeting := read_greeting(fields)) is not None:
                self._know_peer(sender, addressee, greeting)
            case _:
                raise ChannelRefused("its first frame is not a hello")

    def _say_hello(self, peer: str) -> None:
        greeting = self._introduction.greeting_to(peer)
        self._outbox.append(self.seal(msgpack.packb([self._name, peer, greeting.as_list()])))

    def _know_peer(self, sender: str, addressee: str, greeting: Greeting) -> None:
        known = sender == self.peer if self._initiator else sender in self._accepts
        if not known or addressee != self._name:
            raise ChannelRefused(f"it says that it is {sender[:64]!r} and means {addressee[:64]!r}")
        if not self._initiator:
            self.peer = sender
            self._say_hello(sender)
        if reason := self._introduction.judge(sender, greeting):
            raise PeerRefused(reason)
        self.established = True

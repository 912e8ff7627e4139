"""The key that authenticates the change feed: a message that verifies was written by a holder of the key.

Replicas and portals share the key. It is not the cluster's secret, and the secret does not follow from it: a portal
that is taken over can publish false messages, but cannot take part in Raft.

A sealed message is the JSON object of `encode_feed` with one more member at its end, `"mac"`: keyed BLAKE2b
(RFC 7693) over the exact bytes of the object without that member, in hexadecimal. So the term, the revisions and the
changes are all covered, and nothing is parsed before it is verified.

A MAC does not show when a message was written. An old message that comes again is still true: it says what an entry of
the log changed, and a subscriber that is further ignores it. The proofs of freshness (`cache.freshness`) keep it from
making old data look fresh.
"""

import hashlib
import re
from hmac import compare_digest
from typing import Final, Self

KEY_CHARACTERS_MIN: Final = 16
"""Characters of the text that the key is made from."""

_KEY_BYTES: Final = 32
_MAC_BYTES: Final = 32
_SALT: Final = b"quitanda feed"
_PERSON: Final = b"quitanda feed v1"
"""Keeps these MACs apart from everything else that is computed with the same function."""

_SEALED: Final = re.compile(rb'(?s:(\{.+)),"mac":"([0-9a-f]{%d})"\}' % (2 * _MAC_BYTES))


class NotAuthentic(ValueError):
    """The message was not written by a holder of the key, or was changed on its way."""


class FeedKey:
    """Adds MACs to messages of the feed (seals them), and verifies and removes them (opens the messages)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def derive(cls, text: str) -> Self:
        """Make the key from the setting; slow on purpose (scrypt, RFC 7914), once per process.

        Anybody who hears the feed could try texts against a message; this makes each try expensive.
        """
        return cls(hashlib.scrypt(text.encode(), salt=_SALT, n=1 << 14, r=8, p=1, dklen=_KEY_BYTES))

    def seal(self, message: bytes) -> bytes:
        """Add the MAC to a message (`feed_message.encode_feed`)."""
        return b'%s,"mac":"%s"}' % (message[:-1], self._mac(message))

    def open(self, payload: bytes) -> bytes:
        """Take the MAC off and give the message as it was sealed; NotAuthentic where it does not match."""
        match = _SEALED.fullmatch(payload)
        if match is None:
            raise NotAuthentic("it has no MAC")
        message = match[1] + b"}"
        if not compare_digest(match[2], self._mac(message)):
            raise NotAuthentic("its MAC does not match")
        return message

    def _mac(self, message: bytes) -> bytes:
        return hashlib.blake2b(message, key=self._key, digest_size=_MAC_BYTES, person=_PERSON).hexdigest().encode()

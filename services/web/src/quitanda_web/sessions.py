"""Who is signed in: a sealed cookie, which each process of the page with the same key can open, and none keeps."""

import base64
import hashlib
import hmac
import json
import secrets
import zlib
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from quitanda.domain.model import CallerRole
from quitanda.identity.tokens import derived_secret

ABSOLUTE_SECONDS: Final = 12 * 60 * 60
"""A session ends so long after it began."""
IDLE_SECONDS: Final = 60 * 60
"""A session ends when it was not used for so long."""
RENEWED_AFTER_SECONDS: Final = 60
"""The cookie is written anew when it is older than this: it says when the session was last used."""

COOKIE: Final = "quitanda"
SECURE_COOKIE: Final = "__Host-quitanda"
"""With this prefix browsers take the cookie from this host by TLS only, and send it nowhere else."""

CARRIED_SECONDS: Final = 60 * 60
"""What a page carries for a form of its own, sealed, is taken for so long."""

_SEALED_LENGTH_MAX: Final = 4_096
_CARRIED_BYTES_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class WebSession:
    """Somebody who has signed in; `role` is a CallerRole's value. Times are in seconds since 1970-01-01T00:00Z.

    `acting_for`: staff see the shop as this customer, and order for her; what they do is theirs in every history.
    """

    role: str
    customer_id: str
    token: str = field(repr=False)
    began_at: float
    used_at: float
    session_id: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    acting_for: str = ""
    by_password: bool = False
    """It began with a password: its token is that of a session, and has an end."""
    name: str = ""
    """The name of staff for the password, as far as the page has been told; a customer's is her id."""

    @property
    def of_customer(self) -> bool:
        """Whether a customer has signed in, and not the shop's staff."""
        return self.role == CallerRole.CUSTOMER

    @property
    def shops_for(self) -> str:
        """The customer whose orders are shown: oneself, or the one for whom staff act; empty where there is none."""
        return self.customer_id or self.acting_for

    def alive(self, now: float) -> bool:
        """Whether it has not ended; a session from the future has."""
        return (
            self.began_at <= self.used_at <= now + RENEWED_AFTER_SECONDS
            and now - self.began_at < ABSOLUTE_SECONDS
            and now - self.used_at < IDLE_SECONDS
        )

    def with_token(self, token: str, now: float) -> "WebSession":
        """Give the session as it goes on with another token of the same holder."""
        return replace(self, token=token, used_at=max(now, self.used_at))

    def used(self, now: float) -> "WebSession":
        """Give the session as it is after a use."""
        return replace(self, used_at=max(now, self.used_at))


class SessionSeal:
    """Seals sessions and what pages carry for their forms, and opens what it has sealed."""

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(_derived(secret, b"session")))
        self._carried = Fernet(base64.urlsafe_b64encode(_derived(secret, b"carried")))
        self._form_key = _derived(secret, b"form")
        self._secrets_key = _derived(secret, b"secrets")

    def seal(self, session: WebSession) -> str:
        """Write a session as a cookie's value."""
        return self._fernet.encrypt(json.dumps(asdict(session)).encode()).decode("ascii")

    def open(self, sealed: str, now: float) -> WebSession | None:
        """Read a cookie's value; None where it is none of ours, or the session has ended."""
        if not 0 < len(sealed) <= _SEALED_LENGTH_MAX or not sealed.isascii():
            return None
        try:
            session = WebSession(**json.loads(self._fernet.decrypt(sealed.encode("ascii"))))
        except (InvalidToken, TypeError, ValueError):
            return None
        return session if session.alive(now) else None

    def form_token(self, session: WebSession) -> str:
        """Give what a form of this session must carry; no other site can know it."""
        return hmac.new(self._form_key, session.session_id.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, session: WebSession, sent: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(self.form_token(session).encode(), sent.encode(errors="replace"))

    def carry(self, session: WebSession, purpose: str, facts: Any) -> str:
        """Seal facts (what JSON can say) that a page carries for a form of this session, and of no other purpose."""
        text = json.dumps([session.session_id, purpose, facts], separators=(",", ":"))
        return self._carried.encrypt(zlib.compress(text.encode(), 9)).decode("ascii")

    def carried(self, session: WebSession, purpose: str, sealed: str) -> Any:
        """Give the facts that a page carried; None where it is none of ours, of another session, or too old."""
        try:
            packed = self._carried.decrypt(sealed.encode(), ttl=CARRIED_SECONDS)
        except (InvalidToken, UnicodeEncodeError):
            return None
        text = zlib.decompressobj().decompress(packed, _CARRIED_BYTES_MAX)
        session_id, sealed_for, facts = json.loads(text)
        return facts if (session_id, sealed_for) == (session.session_id, purpose) else None

    def next_secret(self, token: str) -> str:
        """Derive the secret that follows a token: always the same, and nobody without the key can tell it."""
        return derived_secret(self._secrets_key, "next secret", token)


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.new(secret, b"quitanda web " + purpose, hashlib.sha256).digest()

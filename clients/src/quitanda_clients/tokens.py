"""Where the clients find the token by which they prove who calls, and to whom they do not send it.

No option takes a token: every user of a machine sees the arguments of all programs. The token is read from the file of
`--token-file`, else from QUITANDA_TOKEN, else from the file `credential` in the folder QUITANDA_IDENTITY.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quitanda.identity.folder import OPEN_MODE, IdentityError, IdentityFile, IdentityFolder
from quitanda.identity.tokens import Token, hash_secret, new_secret, parse_token
from quitanda.runtime.addresses import Address

TOKEN_VARIABLE: Final = "QUITANDA_TOKEN"  # noqa: S105 - the name of a variable
IDENTITY_VARIABLE: Final = "QUITANDA_IDENTITY"
PLAIN_TEXT_VARIABLE: Final = "QUITANDA_TOKEN_IN_PLAIN_TEXT"
PLAIN_TEXT_ALLOWED: Final = "allowed"
"""The value with which tokens travel without TLS to other machines; where something else encrypts the way, say."""

PENDING_SUFFIX: Final = ".new"
_TOKEN_BYTES_MAX: Final = 4_096


class NoTokenError(Exception):
    """A token is needed or named, and cannot be used. The text says why, and what to do; it never has the token."""


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token, and the file that it was read from; the empty text stands for no token."""

    text: str = field(default="", repr=False)
    file: Path | None = None

    def parsed(self) -> Token:
        """Give the token's parts. Raises NoTokenError where there is none, or it is none."""
        token = parse_token(self.text)
        if isinstance(token, Token):
            return token
        if not self.text:
            raise NoTokenError(f"there is no token to rotate; set {TOKEN_VARIABLE}, or name its file with --token-file")
        raise NoTokenError("the token is not complete: a token is one line of the form qt1_ID_SECRET")


def find_token(file: Path | None = None, environment: Mapping[str, str] | None = None) -> HeldToken:
    """Find the token of this user. Raises NoTokenError where a file is named that cannot be used."""
    environment = os.environ if environment is None else environment
    if file is not None:
        return HeldToken(_read(file), file)
    if text := environment.get(TOKEN_VARIABLE, "").strip():
        return HeldToken(text)
    named = environment.get(IDENTITY_VARIABLE, "").strip()
    if not named or named.lower() == OPEN_MODE:
        return HeldToken()
    folder = IdentityFolder(Path(named))
    if not folder.has(IdentityFile.CREDENTIAL):
        return HeldToken()
    try:
        return HeldToken(folder.credential(), folder.file(IdentityFile.CREDENTIAL))
    except IdentityError as error:
        raise NoTokenError(str(error)) from None


def check_not_in_plain_text(token: str, servers: Iterable[Address]) -> None:
    """Raise NoTokenError where a client without an identity would send a token to another machine, without TLS.

    Whoever reads a token on the way can be its holder from then on. QUITANDA_TOKEN_IN_PLAIN_TEXT allows it.
    """
    if not token or os.environ.get(PLAIN_TEXT_VARIABLE, "").strip().lower() == PLAIN_TEXT_ALLOWED:
        return
    for server in servers:
        if not server.is_of_this_machine:
            raise NoTokenError(
                f"the token would travel to {server} in plain text, and whoever reads it on the way could use it; set "
                f"{IDENTITY_VARIABLE} to a folder that has the shop's ca.pem, so that the connection is TLS. Where "
                f"something else protects the way, {PLAIN_TEXT_VARIABLE}={PLAIN_TEXT_ALLOWED} sends it all the same"
            )


@dataclass(frozen=True, slots=True)
class NextToken:
    """The token that a rotation will make valid, of which the portal is told nothing but the hash.

    Where the old one is in a file, the next one is stored beside it before it is sent. So no outcome can leave the
    holder without a valid token, and a rotation that is repeated sends the same secret.
    """

    token: Token
    file: Path | None

    @property
    def secret_hash(self) -> str:
        """What the portal is told."""
        return hash_secret(self.token.secret)

    def take_over(self) -> None:
        """Let the next token replace the old one in its file."""
        if self.file is not None:
            _pending(self.file).replace(self.file)


def next_token(held: HeldToken) -> NextToken:
    """Draw the secret of the next token, or take the one that an earlier rotation has stored and not taken over.

    Raises NoTokenError.
    """
    credential_id = held.parsed().credential_id
    if held.file is None:
        return NextToken(Token(credential_id, new_secret()), None)
    pending = _pending(held.file)
    if pending.exists():
        stored = parse_token(_read(pending))
        if isinstance(stored, Token) and stored.credential_id == credential_id:
            return NextToken(stored, held.file)
    token = Token(credential_id, new_secret())
    _write(pending, token.text())
    return NextToken(token, held.file)


def _pending(file: Path) -> Path:
    return file.with_name(file.name + PENDING_SUFFIX)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            text = opened.read(_TOKEN_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise NoTokenError(
            f"the file {file} with the token cannot be read: {reason}; name the file that your token is in"
        ) from None
    if not text:
        raise NoTokenError(f"the file {file} is empty; write the token into it, one line that begins with qt1_")
    return text


def _write(file: Path, text: str) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{text}\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise NoTokenError(
            f"the next token cannot be stored in {file} ({error.strerror}), so nothing was sent; free some space, or "
            "make the folder writable"
        ) from None

"""Why a connection was refused before anything was sent, in words that say what to do.

gRPC, Python's ssl and the broker's library each tell it in their own words; this is the one table of them.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from quitanda.runtime.link_identity import LinkIdentity, judge_own

_RENEW: Final = "renew it there (`python -m quitanda.identity renew`), or set the clock that is wrong"

_OF_CERTIFICATES: Final[Sequence[tuple[str, Callable[[], str]]]] = (
    ("certificate has expired", lambda: f"has expired (the clock here says {_clock()}); {_RENEW}"),
    ("certificate is not yet valid", lambda: f"is not valid yet (the clock here says {_clock()}); {_RENEW}"),
    (
        "self.signed certificate",
        lambda: (
            "is signed by itself or by an authority that is not in ca.pem; use one that `python -m "
            "quitanda.identity` made, and the same ca.pem everywhere"
        ),
    ),
    (
        "unable to get (local )?issuer certificate|certificate signature failure|invalid CA certificate",
        lambda: (
            "is of an authority that is not in ca.pem; copy the ca.pem of this system, or set the address of one "
            "of its processes"
        ),
    ),
    (
        "Hostname Verification Check failed|Hostname mismatch|IP address mismatch",
        lambda: (
            "is of another name; the address leads to another process, or the certificate must be made for this "
            "name, too"
        ),
    ),
    (
        "unsuitable certificate purpose|unsupported certificate purpose",
        lambda: "is for another purpose; use the one that was made for this process",
    ),
)
"""What a TLS library says of a certificate -> what is said of it here."""

_NO_TLS: Final = re.compile(
    r"WRONG_VERSION_NUMBER|wrong version number|record layer failure|HTTP_REQUEST", re.IGNORECASE
)
_ALERT: Final = re.compile(r"alert|PEER_DID_NOT_RETURN_A_CERTIFICATE", re.IGNORECASE)
_CLOSED: Final = re.compile(
    r"Socket closed|Connection reset|EOF occurred|UNEXPECTED_EOF|Broken pipe|Endpoint closing|SETTINGS frame",
    re.IGNORECASE,
)


THERE_IS_TLS: Final = (
    "it closes connections without TLS; if it has an identity, set QUITANDA_IDENTITY to the folder of this program's "
    "own (for commands the folder clients, which `make run` prints)"
)
THERE_IS_NO_TLS: Final = "it does not speak TLS; start it with an identity, or set QUITANDA_IDENTITY=off here"
"""What is said where only one side of a connection speaks TLS."""


def refusal(text: str, identity: LinkIdentity | None) -> str:
    """Explain what a library says of a connection that was not made; empty where it has nothing to do with TLS.

    `identity` is with what the connection was tried; None where it was tried without TLS.
    """
    if identity is None:
        return THERE_IS_TLS if _CLOSED.search(text) else ""
    if said := _of_certificate(text):
        return f"its certificate {said}"
    if _NO_TLS.search(text):
        return THERE_IS_NO_TLS
    if _ALERT.search(text) or _CLOSED.search(text):
        return _of_own(identity)
    return ""


def is_tls_mismatch(text: str, identity: LinkIdentity | None) -> bool:
    """Tell whether a library says that only one side of a connection speaks TLS, as far as that can be told.

    Without an `identity`, a server that has just ended looks the same, but not for long.
    """
    return bool((_CLOSED if identity is None else _NO_TLS).search(text)) and not _of_certificate(text)


def own_refusal(identity: LinkIdentity) -> str:
    """Say why others refuse this process's certificate, and what to do; empty where nothing is wrong with it here."""
    problem = judge_own(identity.current()).problem
    return f"this process's own certificate {_of_certificate(problem) or f'is refused ({problem})'}" if problem else ""


def _of_own(identity: LinkIdentity) -> str:
    return own_refusal(identity) or (
        "it ended the connection in the handshake; it may not trust this process's certificate (compare both ca.pem), "
        "one of the two clocks may be wrong, or it does not speak TLS"
    )


def _of_certificate(text: str) -> str:
    for pattern, say in _OF_CERTIFICATES:
        if re.search(pattern, text, re.IGNORECASE):
            return say()
    return ""


def _clock() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Which variables QUITANDA_… there are, and what is said of one that there is not.

A misspelt setting would be worse than a wrong one: the process would run without it, and nobody would know. So a name
that is nearly a known one is refused. Any other name is only logged: container platforms add variables of their own.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Final

PREFIX: Final = "QUITANDA_"

OF_PROCESSES: Final = frozenset(
    PREFIX + name
    for name in (
        "IDENTITY",
        "NAME",
        "REPLICAS",
        "LISTEN",
        "METRICS_LISTEN",
        "MQTT",
        "FEED_KEY",
        "LOG_LEVEL",
        "LOG_FORMAT",
        "STOP_TIMEOUT_SECONDS",
        "RAFT_ADDRESSES",
        "DATA_DIR",
        "CLUSTER_SECRET",
        "CLUSTER_SECRET_ACCEPTED",
        "BOOTSTRAP",
        "RAFT_ELECTION_TIMEOUT_MIN_SECONDS",
        "RAFT_ELECTION_TIMEOUT_MAX_SECONDS",
        "RAFT_HEARTBEAT_SECONDS",
        "RAFT_CONNECTION_TIMEOUT_SECONDS",
        "FEED_HEARTBEAT_SECONDS",
        "COURSE_LISTEN",
        "COURSE_CREDENTIAL",
        "CACHE_ENTRIES",
        "STALENESS_SECONDS",
        "REQUEST_TIMEOUT_SECONDS",
        "CALLER_CALLS_PER_SECOND",
        "CALLER_CALLS_MAX",
        "MQTT_GATEWAY",
        "ORDER_HOLD_SECONDS",
        "WEBHOOK_PRIVATE_ADDRESSES",
        "WEBHOOK_PLAIN_HTTP",
        "WEBHOOK_CA",
        "WEBHOOK_ATTEMPTS",
        "WEBHOOK_TIMEOUT_SECONDS",
    )
)
"""The settings of replicas and portals (`settings`), which share one environment where somebody likes that."""

OF_WEB: Final = frozenset(PREFIX + name for name in ("WEB_LISTEN", "WEB_URL", "WEB_FORWARDED_FROM"))
"""What the page reads besides those and some of the clients' (`quitanda_web.settings`)."""

OF_CLIENTS: Final = frozenset(
    PREFIX + name
    for name in (
        "ADMIN_PORTALS",
        "CLIENT_PORTALS",
        "MQTT",
        "CUSTOMER",
        "IDENTITY",
        "TOKEN",
        "TOKEN_IN_PLAIN_TEXT",
        "LANG",
        "CURRENCY",
        "TIME_ZONE",
    )
)
"""What the command-line applications read; the page, their other face, reads some of it, too."""

OF_PEOPLE: Final = frozenset(PREFIX + name for name in ("LANG", "CURRENCY", "TIME_ZONE"))
"""Of those: how the shop's people read texts, money and times, in the page as in a terminal."""

_OF_COMPOSE: Final = re.compile(PREFIX + r"(TAG|NETWORK|GRAFANA_PASSWORD|[A-Z0-9_]+_PORT)")
_OF_TESTS: Final = re.compile(PREFIX + r"TEST_[A-Z_]+")
_OF_SERVICE_LINKS: Final = re.compile(PREFIX + r"([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)|PORT)(_[A-Z0-9_]+)?")
"""What Kubernetes gives each container about a service that is called quitanda-…."""
_NEAR: Final = 0.8
"""Likeness (difflib's ratio) from which on a name is taken for a slip of another one: a letter or two of ten."""
_LIKE: Final = 0.5


def misspelt(environment: Mapping[str, str], meant: Collection[str]) -> list[tuple[str, str]]:
    """Find the variables that nobody knows and that are nearly one of `meant`, each with that one."""
    found = [(name, _nearest(name, meant, _NEAR)) for name in _unknown(environment)]
    return [(name, nearest) for name, nearest in found if nearest]


def unknown(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Find the variables that nobody knows, each with the setting that is most like it; empty where none is."""
    return [(name, _nearest(name, OF_PROCESSES | OF_WEB, _LIKE)) for name in _unknown(environment)]


def _unknown(environment: Mapping[str, str]) -> list[str]:
    ours = sorted(name for name in environment if name.upper().startswith(PREFIX))
    return [name for name in ours if not _is_known(name.upper())]


def _is_known(name: str) -> bool:
    if name in OF_PROCESSES | OF_WEB | OF_CLIENTS:
        return True
    return any(pattern.fullmatch(name) for pattern in (_OF_COMPOSE, _OF_TESTS, _OF_SERVICE_LINKS))


def _nearest(name: str, known: Collection[str], likeness: float) -> str:
    """Give the known name that is most like this one, without the part that all of them have; empty where none is."""
    short = {candidate.removeprefix(PREFIX): candidate for candidate in sorted(known)}
    found = difflib.get_close_matches(name.upper().removeprefix(PREFIX), list(short), 1, likeness)
    return short[found[0]] if found else ""

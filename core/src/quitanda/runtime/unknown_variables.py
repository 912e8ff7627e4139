"""Telling of variables QUITANDA_… that nobody knows, in a process that goes on without them."""

from collections.abc import Mapping

import structlog

from quitanda.runtime import variables

_log = structlog.get_logger(__name__)


def warn(environment: Mapping[str, str]) -> None:
    """Log each; for a process whose settings have been read, so that none of them is a slip (`variables`)."""
    for name, nearest in variables.unknown(environment):
        _log.warning("unknown variable", variable=name, nearest=nearest or None)

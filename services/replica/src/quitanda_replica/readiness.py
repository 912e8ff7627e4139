"""Tells health checks, and once the log, whether this replica takes part."""

from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)


class Readiness:
    """Looks, and tells when something has changed."""

    def __init__(self, ready: Callable[[], bool], set_ready: Callable[..., None], **facts: str) -> None:
        self._ready = ready
        self._set_ready = set_ready
        self._facts = facts
        self._shown = False
        self._off = False

    def look(self) -> None:
        """Compare and show; called now and then."""
        ready = self._ready() and not self._off
        if ready == self._shown:
            return
        self._shown = ready
        self._set_ready(ready=ready)
        _log.info("ready" if ready else "not_ready", **self._facts)

    def switch_off(self) -> None:
        """Show "not ready" from now on: the process is about to end."""
        self._off = True
        self.look()

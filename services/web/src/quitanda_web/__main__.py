"""Serve the page: `python -m quitanda_web`, with its settings in QUITANDA_... variables."""

import asyncio
import gc
import sys
from contextlib import AsyncExitStack
from typing import Final

import structlog
import uvloop

from quitanda.identity.folder import IdentityError
from quitanda.runtime import descriptors, lifecycle, logging, metrics
from quitanda.runtime.certificate_ends import show_certificate_ends
from quitanda.runtime.process_identity import open_identity
from quitanda.runtime.settings import load_or_exit
from quitanda_web.composition import make_site, parts
from quitanda_web.settings import WebSettings

STOP_SECONDS_MAX: Final = 4.0
"""What requests in flight get at the end."""

COMMON_NAME: Final = "service/web"
"""The name in the certificate of every process of the page: they share one folder."""


def main() -> int:
    """Serve until SIGTERM; give the exit code."""
    settings = load_or_exit(WebSettings)
    logging.configure(settings.log_level, settings.log_format, "web", settings.name)
    descriptors.raise_limit()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(settings))
    except (OSError, IdentityError) as error:
        structlog.get_logger(__name__).error("cannot_start", error=str(error))
        return lifecycle.EXIT_FAILED


async def run(settings: WebSettings) -> int:
    """Serve until a signal asks to end; give the exit code.

    Raises OSError where the metrics' address cannot be bound, and IdentityError where the identity cannot be used.
    """
    registry = metrics.new_registry()
    async with AsyncExitStack() as stack:
        identity = open_identity(settings.identity, COMMON_NAME)
        show_certificate_ends(registry, identity, None)
        if shown := metrics.serve(settings.metrics_listen, registry, identity):
            stack.callback(shown.close)
        site = make_site(settings, identity)
        stack.push_async_callback(site.callers.close)
        stack.push_async_callback(site.imports.close)
        gc.freeze()
        timeout = min(settings.stop_timeout_seconds, STOP_SECONDS_MAX)
        return await lifecycle.run(parts(settings, site, registry), stop_timeout=timeout)


if __name__ == "__main__":
    sys.exit(main())

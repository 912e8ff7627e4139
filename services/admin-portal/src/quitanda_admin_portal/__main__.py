"""Run an admin portal: `python -m quitanda_admin_portal`, with its settings in QUITANDA_... variables."""

import asyncio
import sys

import structlog

from quitanda.runtime import logging, settings
from quitanda_admin_portal.composition import run


def main() -> int:
    """Read the settings, and serve until SIGTERM; give the exit code."""
    read = settings.load_or_exit(settings.AdminPortalSettings)
    logging.configure(read.log_level, read.log_format, "admin-portal", read.name)
    try:
        return asyncio.run(run(read))
    except OSError as error:
        structlog.get_logger(__name__).error("cannot_start", error=str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())

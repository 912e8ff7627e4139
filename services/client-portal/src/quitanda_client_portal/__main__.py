"""Run a client portal: `python -m quitanda_client_portal`, with its settings in QUITANDA_... variables."""

import sys

from quitanda.portal import process
from quitanda.runtime.settings import ClientPortalSettings
from quitanda_client_portal.composition import compose


def main() -> int:
    """Serve until SIGTERM; give the exit code."""
    return process.main(ClientPortalSettings, "client-portal", compose)


if __name__ == "__main__":
    sys.exit(main())

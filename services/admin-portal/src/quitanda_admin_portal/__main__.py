"""Run an admin portal: `python -m quitanda_admin_portal`, with its settings in QUITANDA_... variables."""

import sys

from quitanda.portal import process
from quitanda.runtime.settings import AdminPortalSettings
from quitanda_admin_portal.composition import compose


def main() -> int:
    """Serve until SIGTERM; give the exit code."""
    return process.main(AdminPortalSettings, "admin-portal", compose)


if __name__ == "__main__":
    sys.exit(main())

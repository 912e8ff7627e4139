"""Entry point of quitanda-admin."""

from typing import NoReturn

from quitanda_clients.cli import interrupts


def main() -> NoReturn:
    """Run the application on the process's arguments."""
    interrupts.end_quietly()
    from quitanda_clients.cli.application import run_application  # noqa: PLC0415 - Ctrl-C may come while Python loads it
    from quitanda_clients.commands.admin import app  # noqa: PLC0415

    run_application(app)


if __name__ == "__main__":
    main()

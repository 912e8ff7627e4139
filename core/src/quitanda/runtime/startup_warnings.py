"""What a process warns of when it starts: secrets that everybody knows, and variables that nobody knows."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

import structlog
from pydantic import SecretStr

from quitanda.runtime import variables
from quitanda.runtime.settings import ENV_PREFIX, ProcessSettings

EXAMPLES: Final[Mapping[str, str]] = {
    "cluster_secret": "example-secret-set-your-own",
    "feed_key": "example-feed-key-set-your-own",
}
"""The setting's name -> its value in `.env`, with which a trial needs no step of its own."""

_log = structlog.get_logger(__name__)


def warn(settings: ProcessSettings, environment: Mapping[str, str]) -> None:
    """Log both; for a process whose settings have been read, so that no variable is a misspelt setting."""
    _warn_of_example_secrets(settings)
    for name, nearest in variables.unknown(environment):
        _log.warning("unknown_variable", variable=name, nearest=nearest or None)


def _warn_of_example_secrets(settings: ProcessSettings) -> None:
    """Name each secret that is an example, where others than this machine's own users can reach the process."""
    if _only_this_machine(settings.listen.host):
        return
    for name, example in EXAMPLES.items():
        secret = getattr(settings, name, None)
        if isinstance(secret, SecretStr) and secret.get_secret_value() == example:
            variable = f"{ENV_PREFIX}{name.upper()}"
            _log.warning(
                "example_secret",
                variable=variable,
                next_step=f"everybody knows this value: set your own {variable}, the same for all processes that have "
                'it, before anything but a trial (docs/OPERATIONS.md, "Settings")',
            )


def _only_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

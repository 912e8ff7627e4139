"""The secrets that the examples have, so that a trial needs no step of its own; everybody knows them."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

import structlog
from pydantic import SecretStr

from quitanda.runtime.settings import ENV_PREFIX, ProcessSettings

EXAMPLES: Final[Mapping[str, str]] = {
    "cluster_secret": "example-secret-set-your-own",
    "feed_key": "example-feed-key-set-your-own",
}
"""Setting -> what `.env` has."""

_log = structlog.get_logger(__name__)


def warn(settings: ProcessSettings) -> None:
    """Say loudly which secrets are the examples, where others than this machine's own users can reach the process."""
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

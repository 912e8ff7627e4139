"""What a process warns of when it starts: open ports, secrets that everybody knows, a second one, unknown variables."""

from collections.abc import Iterator, Mapping
from typing import Final

import structlog
from pydantic import SecretStr

from quitanda.runtime import variables
from quitanda.runtime.addresses import Address
from quitanda.runtime.settings import ENV_PREFIX, PortalSettings, ProcessSettings, ReplicaSettings

EXAMPLES: Final[Mapping[str, str]] = {
    "cluster_secret": "example-secret-set-your-own",
    "feed_key": "example-feed-key-set-your-own",
}
"""The setting's name -> its value in the file `.env` of version 0.2.0. Who still sets the variables may have it."""

_log = structlog.get_logger(__name__)


def warn(settings: ProcessSettings, environment: Mapping[str, str]) -> None:
    """Log all of it; for a process whose settings have been read, so that no variable is a misspelt setting."""
    _warn_of_open_ports(settings)
    _warn_of_example_secrets(settings)
    _warn_of_a_second_secret(settings)
    for name, nearest in variables.unknown(environment):
        _log.warning("unknown_variable", variable=name, nearest=nearest or None)


def _warn_of_open_ports(settings: ProcessSettings) -> None:
    """Name the addresses where whoever reaches this machine may ask anything, and read what others ask."""
    listens = [str(listen) for listen in _open(settings) if not listen.is_of_this_machine]
    if listens:
        _log.warning(
            "open_mode",
            listens=listens,
            next_step=f"whoever reaches these addresses may do anything there: set {ENV_PREFIX}IDENTITY to an identity "
            'folder, or listen on 127.0.0.1 only (docs/OPERATIONS.md, "Settings"); the contract of the course has no '
            "place for secrets, so its address belongs on 127.0.0.1",
        )


def _open(settings: ProcessSettings) -> Iterator[Address]:
    """Give the addresses where this process asks nobody who it is. The course's contract has no place for secrets."""
    if settings.identity is None:
        yield settings.listen
    if settings.identity is None and settings.metrics_listen is not None:
        yield settings.metrics_listen
    if isinstance(settings, PortalSettings) and settings.course_listen is not None:
        yield settings.course_listen


def _warn_of_example_secrets(settings: ProcessSettings) -> None:
    """Name each secret that is an example, where others than this machine's own users can reach the process."""
    if settings.listen.is_of_this_machine:
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


def _warn_of_a_second_secret(settings: ProcessSettings) -> None:
    if isinstance(settings, ReplicaSettings) and settings.cluster_secret_accepted.get_secret_value():
        variable = f"{ENV_PREFIX}CLUSTER_SECRET_ACCEPTED"
        _log.warning(
            "second_secret_accepted",
            variable=variable,
            next_step=f"when all replicas have the new secret, start each again without {variable} "
            '(docs/OPERATIONS.md, "Change the cluster\'s secret")',
        )

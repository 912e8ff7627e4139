"""Every check of the contract, by its name."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import closing
from types import ModuleType
from typing import Final, TypeAlias

from replica_contract import administering, feed, histories, listing, principals, reading, writing
from replica_contract.service import Service, Target

Check: TypeAlias = Callable[[Service], None]


def _checks_of(module: ModuleType) -> dict[str, Check]:
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }


CHECKS: Final[Mapping[str, Check]] = {
    name: check
    for module in (writing, reading, listing, feed, administering, principals, histories)
    for name, check in _checks_of(module).items()
}
"""Every public function of these modules; its name is the promise that it checks."""


def run(name: str, target: Target) -> None:
    """Run one check against a service. Raises ContractBroken, or QuitandaError where nobody answers."""
    with closing(Service(target)) as service:
        CHECKS[name](service)

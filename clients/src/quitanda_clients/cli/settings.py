"""The options that every command takes, read and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import typer

from quitanda.runtime import variables
from quitanda_clients.addresses import Address, parse_address, parse_addresses
from quitanda_clients.connecting import Transport
from quitanda_clients.results import Consistency

TIMEOUT_MAX: Final = 3_600.0
"""Seconds; nobody waits longer on purpose."""


class Format(StrEnum):
    """How answers are written on standard output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Options as they were typed; None where an option was not given. Those after the command win."""

    portal: Sequence[str] | None = None
    mqtt: str | None = None
    customer: str | None = None
    transport: Transport | None = None
    timeout: float | None = None
    consistency: Consistency | None = None
    request_id: str | None = None
    json: bool = False
    output: Format | None = None

    def over(self, general: "Given") -> "Given":
        """Fill in what is not given here from the options before the command."""
        return Given(
            portal=self.portal or general.portal,
            mqtt=self.mqtt or general.mqtt,
            customer=self.customer if self.customer is not None else general.customer,
            transport=self.transport or general.transport,
            timeout=self.timeout if self.timeout is not None else general.timeout,
            consistency=self.consistency or general.consistency,
            request_id=self.request_id if self.request_id is not None else general.request_id,
            json=self.json or general.json,
            output=self.output or general.output,
        )

    def chosen_format(self) -> Format:
        """Bring --json and --output together."""
        if self.json and self.output not in {None, Format.JSON}:
            raise typer.BadParameter(f"--json and --output {self.output} contradict each other", param_hint="--output")
        return Format.JSON if self.json else self.output or Format.TABLE


def check_variables(environment: Mapping[str, str]) -> None:
    """Refuse a variable that is nearly one of those that are read here: it would have no effect."""
    wrong = variables.misspelt(environment, variables.OF_CLIENTS)
    if wrong:
        told = [f"nothing reads it; did you mean {nearest}?" for _, nearest in wrong]
        others = [f"{name}: {why}" for (name, _), why in zip(wrong[1:], told[1:], strict=True)]
        raise typer.BadParameter(" ".join([told[0], *others]), param_hint=wrong[0][0])


def read_portals(given: Sequence[str] | None, default: str) -> tuple[Address, ...]:
    """Read --portal, which may come several times, each with several addresses."""
    try:
        return parse_addresses(",".join(given or [default]))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--portal") from None


def read_broker(given: str) -> Address:
    """Read --mqtt."""
    try:
        return parse_address(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--mqtt") from None


def read_timeout(given: float) -> float:
    """Read --timeout: seconds, more than none."""
    if not 0 < given <= TIMEOUT_MAX:
        raise typer.BadParameter(
            f"{given:g} is not a time to wait; give seconds, more than 0 and at most {TIMEOUT_MAX:g}",
            param_hint="--timeout",
        )
    return given

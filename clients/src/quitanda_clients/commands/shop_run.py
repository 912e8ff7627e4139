"""What every command of quitanda-shop takes and has."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import typer

from quitanda_clients import connecting
from quitanda_clients.cli import options, running
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.next_steps import STARTS_IT, NextSteps
from quitanda_clients.cli.running import Question, Run
from quitanda_clients.cli.settings import Given, read_broker, read_portals, read_timeout
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.results import TIMEOUT_DEFAULT

if TYPE_CHECKING:
    from quitanda_clients.client import ShopClient

P = ParamSpec("P")


class ShopRun(Run):
    """One run of a command of quitanda-shop."""

    def __init__(self, given: Given, effect: Effect) -> None:
        super().__init__(given, effect)
        if given.customer is None:
            raise typer.BadParameter("say who orders, for example --customer ana", param_hint="--customer")
        self._customer_id = given.customer
        self._transport = given.transport or Transport.GRPC
        self._portals = read_portals(given.portal, connecting.CLIENT_PORTALS_DEFAULT)
        self._broker = read_broker(given.mqtt or connecting.BROKER_DEFAULT)
        self._timeout = read_timeout(TIMEOUT_DEFAULT if given.timeout is None else given.timeout)

    def client(self) -> "ShopClient":
        """Make the client; to be used as an asynchronous context manager."""
        return make_shop_client(
            self._transport,
            self._customer_id,
            portals=self._portals,
            broker=self._broker,
            timeout=self._timeout,
            slow=self.slow(self._places(), self._timeout),
        )

    def next_steps(self) -> NextSteps:
        """Say what to do where neither a client portal nor, over MQTT, the broker answers."""
        if self._transport is Transport.MQTT:
            return NextSteps(
                no_connection=(
                    f"Is the broker running? {STARTS_IT}; --mqtt HOST:PORT names another one, and "
                    "--transport grpc does without."
                ),
                not_offered="Try again with --transport grpc.",
                unavailable="Is a client portal running behind the broker? Try again, or with --transport grpc.",
            )
        return NextSteps(
            no_connection=f"Is Quitanda running? {STARTS_IT}; --portal HOST:PORT names other portals.",
            not_offered=(
                f"{self._places()} is no client portal; --portal HOST:PORT names one (default: "
                f"{connecting.CLIENT_PORTALS_DEFAULT})."
            ),
            unavailable="Try again in a moment; --portal HOST:PORT names other portals.",
        )

    def _places(self) -> str:
        if self._transport is Transport.MQTT:
            return f"the broker {self._broker}"
        return ", ".join(map(str, self._portals))


def command(
    effect: Effect, question: Question | None = None
) -> Callable[[Callable[Concatenate[ShopRun, P], Coroutine[Any, Any, int | None]]], Callable[..., None]]:
    """Make a typer command of a coroutine function that takes a ShopRun."""
    return running.command(ShopRun, _shared_options, effect, question)


def _shared_options(
    customer: options.CustomerOption = None,
    transport: options.TransportOption = None,
    portal: options.PortalOption = None,
    mqtt: options.MqttOption = None,
    timeout: options.TimeoutOption = None,
    consistency: options.ConsistencyOption = None,
    request_id: options.RequestIdOption = None,
    json: options.JsonOption = False,
    output: options.FormatOption = None,
) -> None:
    """Take the options that may stand after every command."""

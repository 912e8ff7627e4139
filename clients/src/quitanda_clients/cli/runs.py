"""The runs of the two programs: which client a command gets, and what the user can do if nobody answers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, ParamSpec

import typer

from quitanda_clients.cli import command_run
from quitanda_clients.cli.command_run import CommandFunction, CommandRun, Effect, NextSteps, Question
from quitanda_clients.cli.options import (
    ADMIN,
    SHOP,
    CommonOptions,
    read_broker,
    read_identity,
    read_portals,
    read_timeout,
    read_token,
)
from quitanda_clients.connecting import Transport, connect_portals, make_shop_client
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say
from quitanda_clients.results import TIMEOUT_DEFAULT

if TYPE_CHECKING:
    from quitanda.identity.folder import IdentityFolder
    from quitanda_clients.client import AdminClient, ShopClient
    from quitanda_clients.transports.grpc import GrpcTransport

P = ParamSpec("P")

_START: Final = N_("Is Quitanda running? `make run` or `docker compose up --wait` starts it; {other}.")
_START_BROKER: Final = N_("Is the broker running? `make run` or `docker compose up --wait` starts it; {other}.")
_OTHER_PORTALS: Final = N_("--portal HOST:PORT names other portals")


class AdminRun(CommandRun):
    """One run of a command of quitanda-admin."""

    def __init__(self, options: CommonOptions, effect: Effect) -> None:
        super().__init__(options, effect)
        self._portals = read_portals(options.portal, ADMIN.defaults["portal"])
        self._timeout = None if options.timeout is None else read_timeout(options.timeout)
        self._token = read_token(options.token_file)

    def client(self, timeout_default: float = TIMEOUT_DEFAULT) -> "AdminClient":
        """Make the client; use it as an asynchronous context manager. A command that makes none needs no identity."""
        from quitanda_clients.client import AdminClient  # noqa: PLC0415 - gRPC is loaded only when it is used

        timeout = timeout_default if self._timeout is None else self._timeout
        on_slow = self.on_slow(self._servers(), timeout)
        return AdminClient(
            self._portals, timeout=timeout, on_slow=on_slow, identity=read_identity(), token=self._token.text
        )

    def next_steps(self) -> NextSteps:
        """Say what the user can do if no admin portal answers."""
        return NextSteps(
            no_connection=say(_START, other=say(_OTHER_PORTALS)),
            not_offered=say(
                "{servers} is not an admin portal; --portal HOST:PORT names one (default: {default}).",
                servers=self._servers(),
                default=ADMIN.defaults["portal"],
            ),
            unavailable=say(
                "Try again in a moment; `quitanda-admin cluster status` shows how the replicas are, and "
                "--portal HOST:PORT names other portals."
            ),
        )

    def _servers(self) -> str:
        return ", ".join(map(str, self._portals))


class ShopRun(CommandRun):
    """One run of a command of quitanda-shop."""

    def __init__(self, options: CommonOptions, effect: Effect) -> None:
        super().__init__(options, effect)
        self._identity = read_identity()
        if options.customer is None:
            raise typer.BadParameter(say("say who orders, for example --customer ana"), param_hint="--customer")
        self._customer_id = options.customer
        self._transport = options.transport or Transport.GRPC
        self._portals = read_portals(options.portal, SHOP.defaults["portal"])
        self._broker = read_broker(options.mqtt or SHOP.defaults["mqtt"])
        self._timeout = read_timeout(TIMEOUT_DEFAULT if options.timeout is None else options.timeout)
        self.token = read_token(options.token_file)

    def client(self) -> "ShopClient":
        """Make the client; use it as an asynchronous context manager."""
        return make_shop_client(
            self._transport,
            self._customer_id,
            portals=self._portals,
            broker=self._broker,
            timeout=self._timeout,
            on_slow=self.on_slow(self._servers(), self._timeout),
            identity=self._identity,
            token=self.token.text,
        )

    @property
    def transport(self) -> Transport:
        """How requests go."""
        return self._transport

    @property
    def customer_id(self) -> str:
        """Who asks."""
        return self._customer_id

    @property
    def identity(self) -> "IdentityFolder | None":
        """The identity folder, where there is one."""
        return None if self._identity is None else self._identity.folder

    def portals(self) -> "GrpcTransport":
        """Make the connection to the client portals, whatever --transport says; to be closed."""
        return connect_portals(
            self._portals,
            timeout=self._timeout,
            on_slow=self.on_slow(", ".join(map(str, self._portals)), self._timeout),
            token=self.token.text,
            identity=self._identity,
        )

    def next_steps(self) -> NextSteps:
        """Say what the user can do if no client portal answers, or over MQTT not the broker."""
        if self._transport is Transport.MQTT:
            return NextSteps(
                no_connection=say(
                    _START_BROKER, other=say("--mqtt HOST:PORT names another one, and --transport grpc needs none")
                ),
                not_offered=say("Try again with --transport grpc."),
                unavailable=say("Is a client portal running behind the broker? Try again, or with --transport grpc."),
            )
        return NextSteps(
            no_connection=say(_START, other=say(_OTHER_PORTALS)),
            not_offered=say(
                "{servers} is not a client portal; --portal HOST:PORT names one (default: {default}).",
                servers=self._servers(),
                default=SHOP.defaults["portal"],
            ),
            unavailable=say("Try again in a moment; --portal HOST:PORT names other portals."),
        )

    def _servers(self) -> str:
        if self._transport is Transport.MQTT:
            return say("the broker {broker}", broker=self._broker)
        return ", ".join(map(str, self._portals))


def admin_command(
    effect: Effect, question: Question | None = None
) -> Callable[[CommandFunction[AdminRun, P]], Callable[..., None]]:
    """Make a command of quitanda-admin of a coroutine function that takes an AdminRun."""
    return command_run.command(AdminRun, ADMIN, effect, question)


def shop_command(
    effect: Effect, question: Question | None = None
) -> Callable[[CommandFunction[ShopRun, P]], Callable[..., None]]:
    """Make a command of quitanda-shop of a coroutine function that takes a ShopRun."""
    return command_run.command(ShopRun, SHOP, effect, question)

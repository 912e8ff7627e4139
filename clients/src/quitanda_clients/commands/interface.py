"""What quitanda-shop and quitanda-admin do without a command, for a person at a terminal: the full-screen interface."""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer

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
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.i18n.speech import speech
from quitanda_clients.results import TIMEOUT_DEFAULT
from quitanda_clients.tokens import IDENTITY_VARIABLE, NoTokenError

if TYPE_CHECKING:
    from quitanda_clients.client import ShopClient
    from quitanda_clients.terminal.texts import TerminalTexts


CURRENCY_DEFAULT: Final = "BRL"
"""As the page's."""


def open_shop(options: CommonOptions) -> int:
    """Open a customer's interface; give the exit code."""
    from quitanda_clients.terminal.opening import run_terminal  # noqa: PLC0415 - Textual takes long to load
    from quitanda_clients.terminal.shop import ShopTerminal  # noqa: PLC0415

    transport = options.transport or Transport.GRPC
    portals = read_portals(options.portal, SHOP.defaults["portal"])
    broker = read_broker(options.mqtt or SHOP.defaults["mqtt"])
    timeout = _timeout(options)
    identity, token = read_identity(), read_token(options.token_file)

    def make_client(customer_id: str) -> "ShopClient":
        return make_shop_client(
            transport,
            customer_id,
            portals=portals,
            broker=broker,
            timeout=timeout,
            identity=identity,
            token=token.text,
        )

    return run_terminal(ShopTerminal(make_client, options.customer or "", _texts(), **_shown()))


def open_office(options: CommonOptions) -> int:
    """Open the interface of staff; give the exit code."""
    from quitanda_clients.client import AdminClient  # noqa: PLC0415 - gRPC is loaded only when it is used
    from quitanda_clients.terminal.office import OfficeTerminal  # noqa: PLC0415 - Textual takes long to load
    from quitanda_clients.terminal.opening import run_terminal  # noqa: PLC0415

    portals = read_portals(options.portal, ADMIN.defaults["portal"])
    try:
        client = AdminClient(
            portals,
            timeout=_timeout(options),
            identity=read_identity(),
            token=read_token(options.token_file).text,
        )
    except NoTokenError as error:
        raise typer.BadParameter(str(error), param_hint=IDENTITY_VARIABLE) from None
    return run_terminal(OfficeTerminal(client, _texts(), **_shown()))


def _timeout(options: CommonOptions) -> float:
    return read_timeout(TIMEOUT_DEFAULT if options.timeout is None else options.timeout)


def _shown() -> dict[str, bool]:
    """Tell what the terminal cannot show."""
    from quitanda_clients.terminal.ascii_filter import shows_ascii_alone  # noqa: PLC0415
    from quitanda_clients.terminal.colours import shows_colours  # noqa: PLC0415

    return {
        "ascii_alone": shows_ascii_alone(os.environ, sys.stdout.encoding),
        "colourless": not shows_colours(os.environ.get("TERM", "")),
    }


def _texts() -> "TerminalTexts":
    from quitanda_clients.i18n.formats import Formats  # noqa: PLC0415 - Babel takes long to load
    from quitanda_clients.terminal.texts import TerminalTexts  # noqa: PLC0415

    spoken = speech()
    zone = spoken.zone or datetime.now().astimezone().tzinfo or UTC
    return TerminalTexts(Formats(spoken.language, zone, spoken.currency or CURRENCY_DEFAULT))

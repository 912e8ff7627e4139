"""Options that every command takes, before the command or after it."""

from typing import Annotated, Final

import typer

from quitanda_clients.cli.application import tell_version
from quitanda_clients.cli.settings import Format
from quitanda_clients.cli.values import quantity_to_set, version
from quitanda_clients.connecting import Transport
from quitanda_clients.results import Consistency

PANEL: Final = "Options of every command"

PORTAL_HELP: Final = "A portal's address, HOST:PORT; several are tried in turn (repeat it, or use commas)."
TIMEOUT_HELP: Final = "Seconds that the whole call may take. (Default: 10.)"
CONSISTENCY_HELP: Final = "For reads of one document: cached may be up to one second old. (Default: linearizable.)"
REQUEST_ID_HELP: Final = "For writes: the id of a request that ended unknown, to repeat it safely."
JSON_HELP: Final = "Print JSON, one object in one line; errors as JSON on stderr. The same as -o json."
FORMAT_HELP: Final = "How the answer is written. (Default: table.)"
CUSTOMER_HELP: Final = "The id of the customer who acts."
TRANSPORT_HELP: Final = "How requests travel. (Default: grpc.)"
MQTT_HELP: Final = "The broker's address, HOST:PORT, for --transport mqtt."

PortalOption = Annotated[
    list[str] | None, typer.Option("--portal", metavar="HOST:PORT", help=PORTAL_HELP, rich_help_panel=PANEL)
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help=TIMEOUT_HELP, rich_help_panel=PANEL)
]
ConsistencyOption = Annotated[
    Consistency | None, typer.Option("--consistency", help=CONSISTENCY_HELP, rich_help_panel=PANEL)
]
RequestIdOption = Annotated[
    str | None, typer.Option("--request-id", metavar="ID", help=REQUEST_ID_HELP, rich_help_panel=PANEL)
]
JsonOption = Annotated[bool, typer.Option("--json", help=JSON_HELP, rich_help_panel=PANEL)]
FormatOption = Annotated[Format | None, typer.Option("--output", "-o", help=FORMAT_HELP, rich_help_panel=PANEL)]
CustomerOption = Annotated[
    str | None, typer.Option("--customer", metavar="CID", help=CUSTOMER_HELP, rich_help_panel=PANEL)
]
TransportOption = Annotated[Transport | None, typer.Option("--transport", help=TRANSPORT_HELP, rich_help_panel=PANEL)]
MqttOption = Annotated[str | None, typer.Option("--mqtt", metavar="HOST:PORT", help=MQTT_HELP, rich_help_panel=PANEL)]

ExpectedVersionOption = Annotated[
    int | None,
    typer.Option(
        "--expected-version", parser=version, metavar="N", help="Refuse unless the document still has this version."
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Show at most so many. (Default: all.)")
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="NAME=TEXT",
        help="A field of your own; NAME:=JSON for a value that is not text. May be repeated.",
    ),
]
CascadeOption = Annotated[
    bool, typer.Option("--cascade", help="Also cancel or change the orders that stand in the way.")
]
VersionOption = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=tell_version, help="Print the version and end.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first. (Nobody is asked without a terminal.)")]
QuantityOption = Annotated[
    int | None,
    typer.Option(
        "--quantity", parser=quantity_to_set, metavar="N", help="Units on hand; `adjust-stock` adds or takes."
    ),
]

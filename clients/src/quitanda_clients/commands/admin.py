"""The application quitanda-admin: its commands, and the options before them."""

from quitanda_clients.cli.application import make_application
from quitanda_clients.cli.command_run import add_common_options
from quitanda_clients.cli.options import ADMIN
from quitanda_clients.commands import (
    cluster,
    documents,
    export,
    history,
    order_moves,
    passwords,
    report,
    tokens,
    webhooks,
)
from quitanda_clients.commands.interface import open_office

app = make_application(ADMIN.name)
app.add_typer(documents.customers, name="customer", help="Create, show, change, delete, list and import customers.")
app.add_typer(documents.products, name="product", help="Create, show, change, delete, list and import products; stock.")
app.add_typer(
    order_moves.app, name="order", help="List, show, fulfil, take back and cancel orders of customers; deadlines."
)
app.add_typer(
    passwords.of_staff, name="password", help="Set and remove the password with which you sign in on the page."
)
app.add_typer(tokens.app, name="token", help="Let staff, programs and customers in; list, rotate and revoke tokens.")
app.add_typer(webhooks.app, name="webhook", help="Tell other systems of events: addresses, dead letters, tests.")
app.command("history")(history.history)
app.command("export")(export.export)
app.add_typer(report.app, name="report", help="Add up what was sold, and what the stock is worth.")
app.add_typer(cluster.app, name="cluster", help="Show, back up and verify the replicas; choose which one leads.")
app.add_typer(cluster.backup_app, name="backup", help="Inspect a backup file.")
add_common_options(app, ADMIN, open_office)

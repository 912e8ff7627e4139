"""quitanda-admin cluster."""

import typer

from quitanda_clients.admin.run import AdminRun, command
from quitanda_clients.cli.running import Effect

app = typer.Typer(no_args_is_help=True)


@app.callback()
def cluster() -> None:
    """Look at the replicas."""


@app.command("status")
@command(Effect.READ)
async def status(run: AdminRun) -> None:
    """Show the replicas as a portal sees them."""
    async with run.client() as client:
        run.output.replicas(await client.cluster_status())

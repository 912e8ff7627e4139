"""`run`: everything in the foreground until Ctrl-C; a process that ends is reported and started again."""

import asyncio
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from quitanda.identity.folder import OPEN_MODE, IdentityFile
from quitanda.runtime.variables import OF_CLIENTS, OF_PEOPLE, OF_PROCESSES, OF_WEB
from quitanda_local.backoff import next_delay
from quitanda_local.errors import LocalError
from quitanda_local.identities import Identities
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.topology import HOST, BrokerKind, ServiceRole, Topology, fixed

DATA: Final = Path(__file__).parents[2] / "data"
"""The sample data."""
POLL_SECONDS: Final = 0.1
OF_THE_SHOP: Final = ("QUITANDA_WEBHOOK_", "QUITANDA_ORDER_HOLD_SECONDS")
"""How settings begin that are the shop's and not a process's."""
TOKENS_OF_THE_BACKUP: Final = (
    "\nA backup knows the tokens of its shop. If it has any, the token that this run made is none of them: copy your "
    "old file credential over the one in the folder below."
)
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Report = Callable[[str], None]


async def run(
    topology: Topology,
    data_dir: Path | None,
    wanted_broker: BrokerKind | None,
    console: Console,
    backup: Path | None = None,
    *,
    identities: bool,
) -> int:
    """Run a cluster until a signal; return the exit code.

    Without a data directory, a temporary one is used and removed at the end. With a backup, the new cluster begins
    with what that holds. With `identities` all links are TLS, callers need a token, and the clients are told which
    folder is theirs.
    """
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    place: AbstractContextManager[Path | str]
    try:
        place = nullcontext(data_dir) if data_dir else tempfile.TemporaryDirectory(prefix="quitanda-")
        with (
            place as directory,
            closing(
                LocalCluster(Path(directory), topology, wanted_broker, of_the_shop(os.environ), identities=identities)
            ) as cluster,
        ):
            if backup is not None:
                await cluster.restore(backup)
            return await _run(cluster, console, stop, restored=backup is not None)
    except (LocalError, OSError) as error:
        console.print("[bold red]Cannot run:[/] ", end="")
        console.print(str(error), highlight=False, markup=False, soft_wrap=True)
        return 1


async def _run(cluster: LocalCluster, console: Console, stop: asyncio.Event, *, restored: bool) -> int:
    began = time.monotonic()
    if ignored := without_effect(os.environ):
        console.print(f"Without effect here, where each process is given its own settings: {', '.join(ignored)}")
    console.print(f"Starting {len(cluster.topology.services)} processes ...")
    if not await _started(cluster, stop):
        console.print("Stopped before everything was ready.")
        return 0
    console.print(f"Everything is ready after {time.monotonic() - began:.1f} s.\n")
    console.print(describe(cluster))
    told_of = (
        mode_warning(cluster, os.environ),
        broker_warning(cluster),
        course_addresses(cluster),
        page_address(cluster),
    )
    for told in told_of:
        if told:
            console.print(told, highlight=False, markup=False, soft_wrap=True)
    if restored and cluster.identities:
        console.print(TOKENS_OF_THE_BACKUP, highlight=False, markup=False, soft_wrap=True)
    console.print(examples(cluster), highlight=False, markup=False, soft_wrap=True)

    def report(text: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')} {text}", highlight=False, markup=False, soft_wrap=True)

    keepers = [asyncio.create_task(keep_running(cluster, s.name, report)) for s in cluster.topology.services]
    await stop.wait()
    for keeper in keepers:
        keeper.cancel()
    await asyncio.gather(*keepers, return_exceptions=True)
    console.print("\nStopping ...")
    killed = await cluster.stop()
    console.print(f"Stopped; these had to be killed: {', '.join(killed)}" if killed else "Stopped.")
    return 0


async def _started(cluster: LocalCluster, stop: asyncio.Event) -> bool:
    """Start the cluster, unless a signal comes first; say whether it started."""
    starting = asyncio.create_task(cluster.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    return False


async def keep_running(cluster: LocalCluster, name: str, report: Report) -> None:
    """Watch one process for ever; report when it ends, and start it again, later and later if it ends again."""
    process = cluster.process(name)
    delay: float | None = None
    while True:
        while process.running:  # noqa: ASYNC110 - the end of a process sets no event
            await asyncio.sleep(POLL_SECONDS)
        delay = next_delay(delay, time.monotonic() - process.started_at)
        report(f"{process.describe_end()}\n         starting it again in {delay:g} s")
        await asyncio.sleep(delay)
        try:
            await cluster.restart(name)
        except LocalError as error:
            report(str(error))
        else:
            report(f"{name} runs again (process {process.pid})")


def describe(cluster: LocalCluster) -> Table:
    """Show what runs where."""
    table = Table(box=None, pad_edge=False)
    for column in ("process", "address", "metrics", "pid"):
        table.add_column(column)
    for service in cluster.topology.services:
        name = f"{service.name} ({cluster.broker_kind})" if service.role is ServiceRole.BROKER else service.name
        scheme = "https" if cluster.identities else "http"
        metrics = f"{scheme}://127.0.0.1:{service.metrics_port}/metrics" if service.metrics_port else "-"
        table.add_row(name, service.address, metrics, str(cluster.process(service.name).pid))
    return table


def mode_warning(cluster: LocalCluster, environment: Mapping[str, str]) -> str:
    """Say what it means that nobody proves who calls; empty where callers need a token.

    Clients that find an identity in the `environment` would speak TLS, which nothing here does then.
    """
    if cluster.identities:
        return ""
    warning = (
        "\nIDENTITY=off: nobody proves who calls. Whoever uses this machine may act as any customer and as an "
        f"administrator, so everything listens on {HOST} only."
    )
    if environment.get("QUITANDA_IDENTITY", "").strip().lower() in {"", OPEN_MODE}:
        return warning
    return (
        f"{warning}\nQUITANDA_IDENTITY is set here, so clients would speak TLS and be refused: in the terminal where "
        "you use them, first `unset QUITANDA_IDENTITY`."
    )


def broker_warning(cluster: LocalCluster) -> str:
    """Say what the Python broker does not do that everybody may rely on who has an identity; empty for mosquitto."""
    if not cluster.identities or cluster.broker_kind is BrokerKind.MOSQUITTO:
        return ""
    return (
        f"\nThe broker is amqtt. By everybody's certificate it keeps the access list as mosquitto does, but it "
        f"bounds neither memory nor connections and keeps retained messages; so it listens on {HOST} only. Install "
        "mosquitto for anything but a trial."
    )


def course_addresses(cluster: LocalCluster) -> str:
    """Say where the course's contract is served, and what whoever reaches it may do; empty where it is not."""

    def at(role: ServiceRole) -> str:
        return " and ".join(f"{HOST}:{service.course_port}" for service in cluster.topology.of(role))

    if not all(service.course_port for service in cluster.topology.of(ServiceRole.ADMIN_PORTAL)):
        return ""
    administrators, orders = at(ServiceRole.ADMIN_PORTAL), at(ServiceRole.CLIENT_PORTAL)
    served = f"\nThe course's contract: administrators at {administrators}, orders at {orders}."
    if not cluster.identities:
        return served
    return f"{served} It has no place for tokens: whoever uses this machine may do anything there."


def page_address(cluster: LocalCluster) -> str:
    """Say where the page is, and with what one signs in there; empty where there is none."""
    if not cluster.pages:
        return ""
    at = f"\nThe shop in a browser: http://{cluster.address(cluster.pages[0])}/"
    if not cluster.identities:
        return at
    token = cluster.identities.of_clients / IdentityFile.CREDENTIAL
    return f"{at} - the administrator's token is in {shlex.quote(str(token))}"


def clients_settings(topology: Topology, identities: Identities | None = None) -> tuple[str, ...]:
    """Give the line that tells the clients what they do not know by themselves; none where there is nothing.

    That is where this cluster is, unless it has the usual ports, and which folder has their CA and token.
    """

    def at(role: ServiceRole) -> str:
        return ",".join(service.address for service in topology.of(role))

    told = {}
    if topology.broker.port != fixed().broker.port:
        told = {
            "QUITANDA_ADMIN_PORTALS": at(ServiceRole.ADMIN_PORTAL),
            "QUITANDA_CLIENT_PORTALS": at(ServiceRole.CLIENT_PORTAL),
            "QUITANDA_MQTT": topology.broker.address,
        }
    if identities:
        told["QUITANDA_IDENTITY"] = shlex.quote(str(identities.of_clients))
    if not told:
        return ()
    return (
        "\nIn the terminal where you use the clients, first give:",
        f"  export {' '.join(f'{name}={value}' for name, value in told.items())}",
    )


def without_effect(environment: Mapping[str, str]) -> list[str]:
    """Name the settings of processes that the shell has: here each process is given its own."""
    names = (OF_PROCESSES | OF_WEB) - OF_CLIENTS
    return sorted(name for name in environment.keys() - of_the_shop(environment).keys() if name.upper() in names)


def of_the_shop(environment: Mapping[str, str]) -> dict[str, str]:
    """Choose the settings of the shell that every process may be given: of webhooks, and how long orders are held.

    Those of the shop's language, currency and time zone are for the page.
    """
    of_people = {name: value for name, value in environment.items() if name in OF_PEOPLE and value.strip()}
    return of_people | {name: value for name, value in environment.items() if name.startswith(OF_THE_SHOP)}


def examples(cluster: LocalCluster) -> str:
    """Give commands to try, as they can be typed in the directory where this one was."""
    programs = os.path.relpath(Path(sys.executable).parent)
    data = os.path.relpath(DATA)
    return "\n".join(
        (
            *clients_settings(cluster.topology, cluster.identities),
            f"\nLogs are in {cluster.process(cluster.broker).log.parent}. In another terminal, try:",
            f"  {programs}/quitanda-admin product import {data}/products.csv",
            f"  {programs}/quitanda-admin customer create --cid ana --name 'Ana Souza'",
            f"  {programs}/quitanda-shop --customer ana order create --item cafe-em-grao-500-g=2",
            f"  {programs}/quitanda-shop --customer ana --transport mqtt order list",
            f"  {programs}/quitanda-admin cluster status",
            f"  kill -9 {cluster.process(cluster.replicas[0]).pid}   # a replica dies, the shop goes on, it comes back",
            "Ctrl-C stops everything.\n",
        )
    )

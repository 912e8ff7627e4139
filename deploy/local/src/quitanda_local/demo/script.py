"""The whole story, in a cluster of its own that is gone afterwards."""

import tempfile
from pathlib import Path

from rich.console import Console

from quitanda.errors import QuitandaError
from quitanda_local.demo import administration, failover, ordering
from quitanda_local.demo.caller_folders import CallerFolders
from quitanda_local.demo.context import DemoContext
from quitanda_local.demo.programs import Programs
from quitanda_local.demo.reporter import CheckFailed, Reporter
from quitanda_local.errors import LocalError
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.topology import BrokerKind


async def play(wanted_broker: BrokerKind | None, console: Console, *, identities: bool) -> int:
    """Play the story, with identities or without; return 0 if everything was as it should be."""
    reporter = Reporter(console)
    with tempfile.TemporaryDirectory(prefix="quitanda-demo-") as directory:
        try:
            cluster = LocalCluster.on_free_ports(Path(directory), wanted_broker, identities=identities)
        except LocalError as error:
            reporter.broken(str(error))
            return 1
        try:
            await _play(cluster, reporter)
        except* (CheckFailed, LocalError, QuitandaError, TimeoutError) as errors:
            for leaf in _leaves(errors):
                reporter.broken(f"{type(leaf).__name__}: {leaf}")
            return_code = 1
        else:
            return_code = 0
        finally:
            await cluster.stop()
            cluster.close()
    if return_code == 0:
        reporter.summary()
    return return_code


async def _play(cluster: LocalCluster, reporter: Reporter) -> None:
    reporter.act("Three replicas, two portals of each kind and a broker start, each a process of its own")
    await cluster.start()
    leader = await cluster.wait_for_leader()
    reporter.check(True, f"{len(cluster.everything)} processes are ready; {leader} leads")
    callers = CallerFolders(cluster.identities) if cluster.identities else None
    if callers:
        reporter.say("each has a certificate, every connection is TLS, and nobody is answered without a token")
    else:
        reporter.say("nobody proves who calls (IDENTITY=off), so everything listens on this machine only")
    context = DemoContext(cluster, reporter, Programs(cluster, callers), callers)
    await administration.manage_customers(context)
    await administration.manage_products(context)
    await administration.import_sample_data(context)
    if callers:
        await administration.give_tokens(context, callers)
    await ordering.place_orders(context)
    await ordering.refuse_orders(context)
    await ordering.close_orders(context)
    await ordering.add_up_sales(context)
    buyers = await failover.lose_the_leader(context)
    await ordering.delete_with_orders(context)
    await failover.verdict(context, buyers)
    reporter.act("Everything is stopped")
    killed = await cluster.stop()
    reporter.check(not killed, "every process ended by itself when it was asked to", instead=killed)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Take the single errors out of a group of groups."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves

"""Reading the figures that a process shows to Prometheus."""

import asyncio
import urllib.request
from collections.abc import Sequence

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.results import Consistency
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.cluster import Cluster, PortKind

SCRAPE_SECONDS = 5.0
HITS = "quitanda_cache_hits_total"


async def figure(cluster: Cluster, name: str, sample: str) -> float:
    """Give the value of one sample that has no labels, such as `quitanda_cache_hits_total`."""
    return await figure_at(cluster.address(name, PortKind.METRICS), sample)


async def figure_at(address: str, sample: str) -> float:
    """Give the value of one sample of the process that shows its metrics at `host:port`."""
    for family in await _families_at(address):
        for found in family.samples:
            if found.name == sample:
                return found.value
    raise KeyError(f"{address} shows no {sample}")


async def families(cluster: Cluster, name: str) -> Sequence[Metric]:
    """Give everything that a process shows, samples of one metric together."""
    return await _families_at(cluster.address(name, PortKind.METRICS))


async def cache_serves(cluster: Cluster, portal: str, reader: ShopClient | AdminClient, product_id: str) -> None:
    """Wait until CACHED reads through the portal are answered from its memory."""
    before = await figure(cluster, portal, HITS)

    async def risen() -> bool:
        await reader.get_product(product_id, consistency=Consistency.CACHED)
        return await figure(cluster, portal, HITS) > before

    await wait_until(risen, f"the cache of {portal} to be used", 10)


async def fetch(url: str) -> str:
    """Read a page of this machine; urllib's errors where there is none."""
    return await asyncio.to_thread(_fetch, url)


async def _families_at(address: str) -> Sequence[Metric]:
    return list(text_string_to_metric_families(await fetch(f"http://{address}/metrics")))


def _fetch(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy is for the web
    with opener.open(url, timeout=SCRAPE_SECONDS) as answer:
        return answer.read().decode()

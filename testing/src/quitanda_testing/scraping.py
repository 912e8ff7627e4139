"""Reading the figures that a process shows to Prometheus."""

import asyncio
import ssl
import urllib.request
from collections.abc import Sequence

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from quitanda.identity.holders import HolderKind
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.results import Consistency
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.cluster import Cluster, PortKind

SCRAPE_SECONDS = 5.0
HITS = "quitanda_cache_hits_total"


async def figure(cluster: Cluster, name: str, sample: str) -> float:
    """Give the value of one sample that has no labels, such as `quitanda_cache_hits_total`."""
    return _value_of(sample, await families(cluster, name), name)


async def figure_at(address: str, sample: str) -> float:
    """Give the value of one sample of the process that shows its metrics at `host:port` to everybody."""
    return _value_of(sample, await _families_at(f"http://{address}", None), address)


async def families(cluster: Cluster, name: str) -> Sequence[Metric]:
    """Give everything that a process shows, samples of one metric together."""
    tls = cluster.callers.tls_of_process(HolderKind.METRICS)
    return await _families_at(f"{'https' if tls else 'http'}://{cluster.address(name, PortKind.METRICS)}", tls)


async def cache_serves(cluster: Cluster, portal: str, reader: ShopClient | AdminClient, product_id: str) -> None:
    """Wait until CACHED reads through the portal are answered from its memory."""
    before = await figure(cluster, portal, HITS)

    async def risen() -> bool:
        await reader.get_product(product_id, consistency=Consistency.CACHED)
        return await figure(cluster, portal, HITS) > before

    await wait_until(risen, f"the cache of {portal} to be used", 10)


async def fetch(url: str, tls: ssl.SSLContext | None = None) -> str:
    """Read a page of this machine; urllib's errors where there is none."""
    return await asyncio.to_thread(_fetch, url, tls)


async def _families_at(place: str, tls: ssl.SSLContext | None) -> Sequence[Metric]:
    return list(text_string_to_metric_families(await fetch(f"{place}/metrics", tls)))


def _value_of(sample: str, shown: Sequence[Metric], where: str) -> float:
    for family in shown:
        for found in family.samples:
            if found.name == sample:
                return found.value
    raise KeyError(f"{where} shows no {sample}")


def _fetch(url: str, tls: ssl.SSLContext | None) -> str:
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)]  # a proxy is for the web
    opener = urllib.request.build_opener(*handlers)
    with opener.open(url, timeout=SCRAPE_SECONDS) as answer:
        return answer.read().decode()

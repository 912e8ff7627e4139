"""Reading the figures that a process shows to Prometheus."""

import asyncio
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from quitanda_local.local_cluster import LocalCluster
from quitanda_local.topology import HOST

SCRAPE_SECONDS = 5.0


async def figure(cluster: LocalCluster, name: str, sample: str) -> float:
    """Give the value of one sample that has no labels, such as `quitanda_cache_hits_total`."""
    url = f"http://{HOST}:{cluster.topology.named(name).metrics_port}/metrics"
    text = await asyncio.to_thread(_fetch, url)
    for family in text_string_to_metric_families(text):
        for found in family.samples:
            if found.name == sample:
                return found.value
    raise KeyError(f"{name} shows no {sample}")


def _fetch(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy is for the web
    with opener.open(url, timeout=SCRAPE_SECONDS) as answer:
        return answer.read().decode()

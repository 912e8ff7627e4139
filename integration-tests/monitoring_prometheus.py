"""A real Prometheus that scrapes a running cluster, with the configuration and the alerts that containers get."""

import json
import os
import shutil
import urllib.error
import urllib.parse
from pathlib import Path

import pytest
import yaml

from quitanda.identity.holders import HolderKind
from quitanda_local.ports import free_ports
from quitanda_local.process import Process, Spawner
from quitanda_local.topology import HOST
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.cluster import PortKind
from quitanda_testing.scraping import fetch

FOLDER = Path(__file__).parent.parent / "deploy/prometheus"
IN_CONTAINER = "/identity/"
"""Where a container has its identity folder."""
SCRAPE_INTERVAL = "1s"
START_SECONDS = 20


def program():
    """Find Prometheus; skip the test where it is not installed, unless the environment demands it."""
    found = shutil.which("prometheus")
    if found is None and os.environ.get("QUITANDA_TEST_PROMTOOL") != "required":
        pytest.skip("Prometheus is not installed (Debian's package prometheus)")
    assert found is not None, "Prometheus is demanded and not installed (Debian's package prometheus)"
    return found


def configuration(cluster):
    """Give the containers' configuration, with the addresses of this cluster and a shorter interval."""
    text = (FOLDER / ("prometheus-secure.yml" if cluster.identities else "prometheus.yml")).read_text(encoding="utf-8")
    if cluster.identities:
        text = text.replace(IN_CONTAINER, f"{cluster.identities.folder(HolderKind.METRICS)}/")
    config = yaml.safe_load(text)
    config["global"] = {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": SCRAPE_INTERVAL}
    config["rule_files"] = [str(FOLDER / name) for name in config["rule_files"]]
    for job in config["scrape_configs"]:
        for static in job["static_configs"]:
            names = [target.partition(":")[0] for target in static["targets"]]
            # a cluster of the tests may have no page
            static["targets"] = [
                cluster.address(name, PortKind.METRICS) for name in names if name in cluster.everything
            ]
    return config


class MonitoringPrometheus:
    """Prometheus in a process: `async with MonitoringPrometheus(cluster, folder) as prometheus`."""

    def __init__(self, cluster, folder):
        self._folder = folder
        self._address = f"{HOST}:{free_ports(1)[0]}"
        self._spawner = Spawner()
        self._process = Process("prometheus", folder / "prometheus.log", self._spawner)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(cluster)), encoding="utf-8")

    async def __aenter__(self):
        command = (
            program(),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self._address}",
        )
        self._process.start(command, {})
        await wait_until(self._ready, "Prometheus to be ready", START_SECONDS)
        return self

    async def __aexit__(self, *_):
        await self._process.stop()
        self._spawner.close()

    async def query(self, expression):
        """Give each series that the expression has now: its labels, and its value. AssertionError where it is wrong."""
        answer = await self._ask("query", {"query": expression})
        return [(series["metric"], float(series["value"][1])) for series in answer["result"]]

    async def rules(self):
        """Give each alert as Prometheus judges it."""
        groups = (await self._ask("rules", {}))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def _ask(self, what, parameters):
        url = f"http://{self._address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            return json.loads(await fetch(url))["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    async def _ready(self):
        self._process.check_alive()
        try:
            await fetch(f"http://{self._address}/-/ready")
        except OSError:
            return False
        return True

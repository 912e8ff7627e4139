"""The dashboard that Grafana reads is what its panels are described as, and depends on no Grafana in particular."""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[1]
FILE = FOLDER / "dashboards/quitanda.json"
DASHBOARD = json.loads(FILE.read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
UNITS = {"s", "short", "bytes", "Bps", "percentunit", "ops", "reqps"}
"""Grafana's ids of the units in which our metrics count."""
GIVEN_BY_GRAFANA = {"__rate_interval"}


def test_the_committed_file_is_what_the_panels_are_described_as(tmp_path):
    written = tmp_path / "written.json"
    subprocess.run([sys.executable, FOLDER / "dashboard.py", written], check=True)

    assert FILE.read_text() == written.read_text(), "run `python deploy/grafana/dashboard.py` and commit what it wrote"


def test_its_address_stays_and_its_numbers_are_unique():
    assert DASHBOARD["uid"] == "quitanda"  # links to it have this
    assert "id" not in DASHBOARD  # a number of one Grafana
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_it_has_a_row_for_each_part_of_the_system():
    assert [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"] == [
        "Shop",
        "Portals",
        "Cluster",
        "Disk",
        "Memory of requests",
        "History of documents",
        "Processes",
    ]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_has_a_unit_a_text_and_the_data_source_that_was_chosen(panel):
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["description"].endswith(".")
    assert panel["targets"]
    for used in (panel, *panel["targets"]):
        assert used["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["legendFormat"] for target in panel["targets"])


def test_only_variables_are_used_that_somebody_gives():
    declared = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", FILE.read_text()))

    assert declared == {"datasource"}
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    assert used <= declared | GIVEN_BY_GRAFANA


def test_no_panel_lies_on_another():
    def apart(one, other):
        return (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )

    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]

    assert [pair for pair in combinations(places, 2) if not apart(*pair)] == []
    assert max(place["x"] + place["w"] for place in places) == 24


def test_grafana_asks_the_prometheus_of_the_compose_file_as_often_as_that_scrapes():
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    scraping = yaml.safe_load((FOLDER.parent / "prometheus/prometheus.yml").read_text())["global"]

    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == scraping["scrape_interval"]


def test_grafana_reads_the_folder_in_which_the_dashboard_is():
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards/quitanda.yml").read_text())["providers"]
    service = yaml.safe_load((FOLDER.parents[1] / "docker-compose.yml").read_text())["services"]["grafana"]
    mounts = dict(mount.split(":")[:2] for mount in service["volumes"])

    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"

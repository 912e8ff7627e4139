"""The alerts speak of metrics and labels that a running system shows: a slip in a name would never fire."""

import re
from pathlib import Path

import yaml

from quitanda_local.topology import fixed
from quitanda_testing.scraping import samples

ALERTS = Path(__file__).parent.parent / "deploy/prometheus/alerts.yml"
GIVEN_BY_PROMETHEUS = {"instance", "job"}
METRIC = re.compile(r"(\b(?:quitanda_\w+|up)\b)(?:\{([^}]*)\})?")
LABELS = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
BY = re.compile(r"\bby \(([^)]*)\)")


def expressions():
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


async def test_every_metric_and_label_of_an_alert_is_shown_by_a_running_system(cluster, shop):
    await shop.customer()  # a call, so that calls are counted
    shown = {"up": set()}
    for service in fixed().services:
        if service.metrics_port:
            for sample in await samples(cluster, service.name):
                shown.setdefault(sample.name, set()).update(sample.labels)

    for alert, expression in expressions().items():
        named = METRIC.findall(expression)
        known = set().union(GIVEN_BY_PROMETHEUS, *(shown.get(name, ()) for name, _ in named))
        assert {name for name, _ in named} <= shown.keys(), alert
        assert {label.strip() for labels in BY.findall(expression) for label in labels.split(",")} <= known, alert
        for name, selector in named:
            assert set(LABELS.findall(selector)) <= shown[name] | GIVEN_BY_PROMETHEUS, alert

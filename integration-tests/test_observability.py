"""Alerts, panels and documents speak of what a running system shows: a slip in a name would show or tell nothing."""

import asyncio
import json
import math
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from monitoring_prometheus import MonitoringPrometheus

from quitanda.domain.commands import ItemQuantity
from quitanda.errors import Rejected
from quitanda_clients.connecting import Transport
from quitanda_clients.results import Consistency
from quitanda_local.topology import ServiceRole, fixed
from quitanda_local.waiting import wait_until
from quitanda_testing.scraping import families

ROOT = Path(__file__).parent.parent
GIVEN_BY_PROMETHEUS = {"instance", "job"}
METRIC = re.compile(r"(\b(?:quitanda_\w+|process_\w+|python_\w+|up)\b)(?:\{([^}]*)\})?")
LABELS = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
PART_OF_A_HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")
IN_LEGEND = re.compile(r"\{\{(\w+)\}\}")
ROW_OF_TABLE = re.compile(r"^\| `(quitanda_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \| [^|]+ \|$", re.MULTILINE)
EVERYBODY = set(ServiceRole) - {ServiceRole.BROKER, ServiceRole.WEB}
"""Of a cluster of the tests, in which the page does not run."""
SHOWN_BY = {
    "all": EVERYBODY,
    "portals": {ServiceRole.ADMIN_PORTAL, ServiceRole.CLIENT_PORTAL},
    "admin portals": {ServiceRole.ADMIN_PORTAL},
    "client portals": {ServiceRole.CLIENT_PORTAL},
    "replicas": {ServiceRole.REPLICA},
}
"""How the document says which processes show a metric."""
OF_PAGE = "web"
"""What it says of the page, whose own tests look at its metrics."""
NEEDS_IDENTITY = ", with an identity"
"""What it adds where they show it only then."""
RATE_INTERVAL = "5s"
LINES_SECONDS = 40
"""In which every panel must have a line; Prometheus scrapes once a second."""
JUDGED_SECONDS = 10
WEBHOOK_SECONDS = 20
"""In which a portal sends to a new webhook, and shows how it stands."""


def alerts():
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def queries():
    """Expression of a panel -> the labels that its legend names."""
    panels = json.loads((ROOT / "deploy/grafana/dashboards/quitanda.json").read_text(encoding="utf-8"))["panels"]
    targets = [target for panel in panels for target in panel.get("targets", ())]
    return {target["expr"]: set(IN_LEGEND.findall(target["legendFormat"])) for target in targets}


def expressions():
    return alerts() | {expression: expression for expression in queries()}


def table():
    """Name, type, labels and who shows it, of each metric in the document."""
    return ROW_OF_TABLE.findall((ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8"))


def not_shown_here(cluster, shown_by_replicas):
    """The page's metrics, as this cluster has no page, and those that nobody shows whose process has no identity."""
    rows = table()
    needs = {name for name, _, _, who in rows if who.endswith(NEEDS_IDENTITY)}
    absent = set() if needs & shown_by_replicas.keys() else needs
    assert not absent or cluster.identities is None
    return absent | {name for name, _, _, who in rows if who == OF_PAGE}


def that_have_figures(asked, absent):
    """Leave out the expressions of which a metric is absent."""
    return {key: it for key, it in asked.items() if not absent & {name for name, _ in METRIC.findall(key)}}


def name_in_queries(family):
    return f"{family.name}_total" if family.type == "counter" else family.name


async def use_everything(shop):
    """Call over both transports: each kind of command, a refusal, reads from the leader and from the cache, a list."""
    product = await shop.product()
    for transport in Transport:
        customer = await shop.customer(transport)
        order = (await customer.create_order([ItemQuantity(product.product_id, 1)])).document
        await customer.get_order(order.order_id)
        await customer.get_product(product.product_id, consistency=Consistency.CACHED)
        await customer.list_orders()
        with pytest.raises(Rejected):
            await customer.get_product(shop.new_id("unknown"))


async def what_processes_show(cluster):
    """Role -> name of a metric as queries have it -> its family, of all processes of that role."""
    shown = {}
    for service in fixed().services:
        if service.metrics_port:
            for family in await families(cluster, service.name):
                of_role = shown.setdefault(service.role, {})
                if not family.name.endswith("_created"):  # when a counter began: said by the client's library
                    of_role.setdefault(name_in_queries(family), []).append(family)
    return shown


@pytest.fixture
async def webhook(cluster, shop):
    """A webhook, as the portal that sends shows it: without one some figures are nowhere."""
    admin = await shop.admin()
    await admin.raise_level()
    created = await admin.create_webhook("https://receiver.example/", "product_deleted")

    async def is_shown():
        of_portals = (await what_processes_show(cluster))[ServiceRole.ADMIN_PORTAL]
        return any(family.samples for family in of_portals["quitanda_webhook_waiting_seconds"])

    await wait_until(is_shown, "a portal to send to the webhook", WEBHOOK_SECONDS)
    yield
    await admin.delete_webhook(created.webhook.webhook_id)


@pytest.mark.usefixtures("webhook")
async def test_every_metric_and_label_of_an_alert_or_panel_is_shown_by_a_running_system(cluster, shop):
    await use_everything(shop)
    shown = {"up": set()}
    by_role = await what_processes_show(cluster)
    for of_role in by_role.values():
        for sample in (sample for found in of_role.values() for family in found for sample in family.samples):
            shown.setdefault(sample.name, set()).update(sample.labels)
    titles = {expression: title for title, expression in expressions().items()}

    for expression, title in that_have_figures(titles, not_shown_here(cluster, by_role[ServiceRole.REPLICA])).items():
        named = METRIC.findall(expression)
        known = set().union(GIVEN_BY_PROMETHEUS, *(shown.get(name, ()) for name, _ in named))
        assert named
        assert {name for name, _ in named} <= shown.keys(), title
        assert {label.strip() for labels in GROUPED.findall(expression) for label in labels.split(",")} <= known, title
        for name, selector in named:
            assert set(LABELS.findall(selector)) <= shown[name] | GIVEN_BY_PROMETHEUS, title


async def test_every_figure_of_ours_is_on_a_panel_or_in_an_alert(cluster):
    shown = {name for of_role in (await what_processes_show(cluster)).values() for name in of_role}
    named = {name for expression in expressions().values() for name, _ in METRIC.findall(expression)}
    watched = named | {PART_OF_A_HISTOGRAM.sub("", name) for name in named}

    assert sorted(name for name in shown - watched if name.startswith("quitanda_")) == []


@pytest.mark.usefixtures("webhook")
async def test_the_table_of_metrics_says_what_the_processes_show(cluster, shop):
    await use_everything(shop)
    shown = {}
    by_role = await what_processes_show(cluster)
    for role, of_role in by_role.items():
        for name, found in of_role.items():
            if name.startswith("quitanda_"):
                labels = {label for family in found for sample in family.samples for label in sample.labels} - {"le"}
                kind, known, roles = shown.setdefault(name, (found[0].type, set(), set()))
                known |= labels
                roles.add(role)
                assert kind == found[0].type
    rows = table()
    absent = not_shown_here(cluster, by_role[ServiceRole.REPLICA])

    assert len(rows) == len({name for name, *_ in rows})
    assert {
        name: (kind, set(re.findall(r"`(\w+)`", labels)), SHOWN_BY[who.removesuffix(NEEDS_IDENTITY)])
        for name, kind, labels, who in rows
        if name not in absent
    } == shown


@asynccontextmanager
async def used_again_and_again(shop):
    """Call while the body runs; a call that fails ends it."""

    async def go_on():
        while True:
            await use_everything(shop)

    calling = asyncio.create_task(go_on())
    try:
        yield calling
    finally:
        calling.cancel()
        await asyncio.wait([calling])


@pytest.mark.usefixtures("webhook")
async def test_every_panel_has_a_line_and_every_alert_is_judged_by_a_real_prometheus(cluster, shop, tmp_path):
    absent = not_shown_here(cluster, (await what_processes_show(cluster))[ServiceRole.REPLICA])
    without_line = {
        expression.replace("$__rate_interval", RATE_INTERVAL): used
        for expression, used in that_have_figures(queries(), absent).items()
    }

    async def all_have_lines():
        assert not calling.done(), calling.exception()
        for expression, in_legend in list(without_line.items()):
            series = [labels for labels, value in await prometheus.query(expression) if not math.isnan(value)]
            if series:
                assert in_legend <= series[0].keys(), expression
                del without_line[expression]
        return not without_line

    async def all_are_judged():
        return {rule["name"]: rule["health"] for rule in await prometheus.rules()} == dict.fromkeys(alerts(), "ok")

    async with MonitoringPrometheus(cluster, tmp_path) as prometheus, used_again_and_again(shop) as calling:
        await wait_until(all_have_lines, "every panel to have a line", LINES_SECONDS, lambda: str(without_line))
        await wait_until(all_are_judged, "every alert to be judged", JUDGED_SECONDS)

"""A page and portals of which only one side speaks TLS: the page says which one, and what is to be set."""

from contextlib import asynccontextmanager

import pytest
from asgi_browser import AsgiBrowser
from prometheus_client import CollectorRegistry
from running_page import STOP_SECONDS, running
from structlog.testing import capture_logs

from quitanda.identity.tokens import new_token
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_web.composition import make_application, make_site
from quitanda_web.settings import WebSettings

SECONDS = 3.0
SAID = {
    "en": {
        "the portals": "The portals speak TLS and this page does not, so nothing happened.",
        "the page": "This page speaks TLS and the portals do not, so nothing happened.",
    },
    "pt-BR": {
        "the portals": "Os portais usam TLS e esta página não; nada aconteceu.",
        "the page": "Esta página usa TLS e os portais não; nada aconteceu.",
    },
}


@asynccontextmanager
async def page_before(shop, folder):
    """A page before the portals of another one's, with an identity of its own, or without one."""
    settings = WebSettings(
        admin_portals=shop.site.settings.admin_portals,
        client_portals=shop.site.settings.client_portals,
        identity=folder,
        request_timeout_seconds=SECONDS,
    )
    site = make_site(settings, LinkIdentity(folder) if folder else None)
    try:
        yield make_application(site, CollectorRegistry())
    finally:
        await site.live.stop(STOP_SECONDS)
        await site.callers.close()


@pytest.fixture(params=["the portals", "the page"])
async def one_sided(request, cluster, identities):
    with_tls = request.param
    async with (
        running(cluster, identities if with_tls == "the portals" else None) as shop,
        page_before(shop, identities / "web" if with_tls == "the page" else None) as app,
    ):
        yield app, with_tls


@pytest.mark.parametrize("language", SAID)
async def test_where_only_one_side_speaks_tls_the_page_says_which_and_what_to_set(one_sided, language):
    app, with_tls = one_sided
    browser = AsgiBrowser(app, language=language)
    fields = {"as": "customer", "customer_id": "ana"} | (
        {"token": new_token().text()} if with_tls == "the page" else {}
    )

    with capture_logs() as logs:
        answer = await browser.post("/sign-in", fields)

    assert answer.status == 503
    assert SAID[language][with_tls] in answer.text
    assert "QUITANDA_IDENTITY" in answer.text
    causes = [each["cause"] for each in logs if each["event"] == "portals_not_reached"]
    assert causes
    assert all("TLS" in each for each in causes)


async def test_where_nobody_listens_the_page_says_nothing_of_tls(cluster):
    async with running(cluster, request_timeout_seconds=SECONDS) as shop:
        for portal in shop.portals:
            await portal.stop(STOP_SECONDS)
        answer = await shop.browser().post("/sign-in", {"as": "customer", "customer_id": "ana"})

    assert answer.status == 503
    assert "TLS" not in answer.text.replace("without TLS", "")

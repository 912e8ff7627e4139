"""How a client portal's parts are put together by its settings."""

import pytest

from quitanda.mqtt.topics import REQUESTS_FILTER
from quitanda.portal.composition import gateway_options
from quitanda.runtime.addresses import Address
from quitanda.runtime.settings import ClientPortalSettings, load
from quitanda_testing.identity_folders import write_identity


def settings(**given):
    return load(
        ClientPortalSettings,
        replicas={"replica1": Address("127.0.0.1", 7011)},
        name="portal1",
        listen=Address("127.0.0.1", 7003),
        mqtt=Address("127.0.0.1", 7883),
        feed_key="a feed key of the tests",
        **given,
    )


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("shared", f"$share/client-portals/{REQUESTS_FILTER}"), ("exclusive", REQUESTS_FILTER)],
)
def test_without_an_identity_the_group_has_the_name_that_everybody_knows(mode, expected):
    assert gateway_options(settings(mqtt_gateway=mode)).requests_filter == expected


@pytest.mark.parametrize(
    ("mode", "expected"), [("shared", f"$share/a-secret/{REQUESTS_FILTER}"), ("exclusive", REQUESTS_FILTER)]
)
def test_with_an_identity_the_groups_name_is_the_secret_of_its_folder(tmp_path, mode, expected):
    folder = write_identity(tmp_path / "identity", "portal/portal1")
    (folder / "request-group").write_text("a-secret")

    assert gateway_options(settings(mqtt_gateway=mode, identity=folder)).requests_filter == expected


def test_a_portal_without_a_gateway_takes_no_requests():
    assert gateway_options(settings(mqtt_gateway="off")) is None

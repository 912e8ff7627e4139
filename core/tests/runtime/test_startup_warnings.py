"""What a process warns of when it starts."""

import pytest
from structlog.testing import capture_logs

from quitanda.runtime.settings import AdminPortalSettings, ReplicaSettings, load
from quitanda.runtime.startup_warnings import EXAMPLES, warn

ADDRESSES = "replica1=127.0.0.1:7011"
OWN = {"cluster_secret": "a secret of the tests", "feed_key": "a feed key of the tests"}


def replica(listen, **secrets):
    return load(
        ReplicaSettings,
        name="replica1",
        replicas=ADDRESSES,
        raft_addresses=ADDRESSES,
        listen=listen,
        data_dir="data",
        **{**OWN, **secrets},
    )


def warned(settings):
    with capture_logs() as logs:
        warn(settings, {})
    assert {(line["event"], line["log_level"]) for line in logs} <= {("example_secret", "warning")}
    return [line["variable"] for line in logs]


@pytest.mark.parametrize("listen", ["0.0.0.0:7011", "replica1:7011", "192.0.2.1:7011", "[::]:7011"])
def test_each_secret_of_the_examples_is_named_where_others_reach_the_process(listen):
    assert warned(replica(listen, **EXAMPLES)) == ["QUITANDA_CLUSTER_SECRET", "QUITANDA_FEED_KEY"]
    assert warned(replica(listen, feed_key=EXAMPLES["feed_key"])) == ["QUITANDA_FEED_KEY"]
    assert warned(replica(listen)) == []


@pytest.mark.parametrize("listen", ["127.0.0.1:7011", "localhost:7011", "[::1]:7011"])
def test_nobody_is_warned_where_only_this_machine_reaches_the_process(listen):
    assert warned(replica(listen, **EXAMPLES)) == []


def test_a_portal_is_warned_of_the_one_that_it_has():
    portal = load(
        AdminPortalSettings,
        name="portal1",
        replicas=ADDRESSES,
        listen="0.0.0.0:7001",
        feed_key=EXAMPLES["feed_key"],
    )

    assert warned(portal) == ["QUITANDA_FEED_KEY"]


def test_a_portal_without_a_broker_has_no_key_to_be_warned_of():
    assert warned(load(AdminPortalSettings, name="portal1", replicas=ADDRESSES, listen="0.0.0.0:7001")) == []


def test_an_unknown_variable_that_is_no_slip_is_logged_with_what_it_is_most_like():
    with capture_logs() as logs:
        warn(
            replica("127.0.0.1:7011"),
            {"QUITANDA_STALENESS": "5", "QUITANDA_XYZZY": "", "QUITANDA_SERVICE_HOST": "10.0.0.1"},
        )

    assert [(log["event"], log["log_level"], log["variable"], log["nearest"]) for log in logs] == [
        ("unknown_variable", "warning", "QUITANDA_STALENESS", "QUITANDA_STALENESS_SECONDS"),
        ("unknown_variable", "warning", "QUITANDA_XYZZY", None),
    ]

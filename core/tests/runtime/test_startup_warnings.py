"""What a process warns of when it starts."""

import pytest
from structlog.testing import capture_logs

from quitanda.runtime.settings import AdminPortalSettings, ReplicaSettings, load
from quitanda.runtime.startup_warnings import EXAMPLES, warn
from quitanda_testing.identity_folders import write_identity

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
    assert {(line["event"], line["log_level"]) for line in logs} <= {
        ("example_secret", "warning"),
        ("open_mode", "warning"),
    }
    return [line["variable"] for line in logs if line["event"] == "example_secret"]


def open_addresses(settings):
    with capture_logs() as logs:
        warn(settings, {})
    return [address for line in logs if line["event"] == "open_mode" for address in line["listens"]]


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


def portal(**given):
    return load(AdminPortalSettings, name="portal1", replicas=ADDRESSES, **given)


def test_a_process_without_an_identity_names_each_address_that_others_reach():
    assert open_addresses(replica("0.0.0.0:7011")) == ["0.0.0.0:7011"]
    assert open_addresses(replica("127.0.0.1:7011")) == []
    assert open_addresses(
        portal(listen="127.0.0.1:7001", metrics_listen="[::]:7201", course_listen="192.0.2.1:7101")
    ) == ["[::]:7201", "192.0.2.1:7101"]


def test_a_process_with_an_identity_names_only_the_address_of_the_course(tmp_path):
    write_identity(tmp_path)
    given = {"identity": tmp_path, "listen": "0.0.0.0:7001", "metrics_listen": "0.0.0.0:7201"}
    given["course_credential"] = tmp_path / "credential"

    assert open_addresses(portal(**given)) == []
    assert open_addresses(portal(**given, course_listen="0.0.0.0:7101")) == ["0.0.0.0:7101"]
    assert open_addresses(portal(**given, course_listen="127.0.0.1:7101")) == []


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

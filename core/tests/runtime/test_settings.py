"""The environment is read once; what is wrong with it is said by the variable's name."""

import os
import subprocess
import sys

import pytest

from quitanda.runtime.addresses import Address
from quitanda.runtime.settings import (
    AdminPortalSettings,
    ClientPortalSettings,
    GatewayMode,
    LogFormat,
    LogLevel,
    ReplicaSettings,
    SettingsError,
    load,
)
from quitanda_testing.identity_folders import write_identity

REPLICA = {
    "QUITANDA_NAME": "replica1",
    "QUITANDA_REPLICAS": "replica1=127.0.0.1:7011,replica2=127.0.0.1:7012,replica3=127.0.0.1:7013",
    "QUITANDA_RAFT_ADDRESSES": "replica1=127.0.0.1:7021,replica2=127.0.0.1:7022,replica3=127.0.0.1:7023",
    "QUITANDA_DATA_DIR": "data/replica1",
    "QUITANDA_LISTEN": "127.0.0.1:7011",
    "QUITANDA_CLUSTER_SECRET": "a long enough secret",
}
PORTAL = {
    "QUITANDA_NAME": "portal1",
    "QUITANDA_REPLICAS": REPLICA["QUITANDA_REPLICAS"],
    "QUITANDA_LISTEN": "127.0.0.1:7011",
}
BROKER = {"QUITANDA_MQTT": "127.0.0.1:7883", "QUITANDA_FEED_KEY": "a long enough key"}


@pytest.fixture
def environment(monkeypatch):
    """Sets the variables of one process; there are no others."""
    for name in os.environ:
        if name.upper().startswith("QUITANDA_"):
            monkeypatch.delenv(name)

    def given(variables, **changes):
        for name, value in {**variables, **changes}.items():
            if value is not None:
                monkeypatch.setenv(name, value)

    return given


@pytest.mark.parametrize("kind", [AdminPortalSettings, ClientPortalSettings])
def test_the_courses_contract_is_served_only_where_an_address_is_given(environment, kind):
    environment(PORTAL)
    assert load(kind).course_listen is None

    environment(PORTAL, QUITANDA_COURSE_LISTEN="127.0.0.1:7101")
    assert load(kind).course_listen == Address("127.0.0.1", 7101)


def test_with_an_identity_the_courses_contract_needs_the_file_of_a_token(environment, tmp_path):
    identity = write_identity(tmp_path / "identity", "portal/admin-portal-1")
    environment(
        PORTAL, QUITANDA_COURSE_LISTEN="127.0.0.1:7101", QUITANDA_IDENTITY=str(identity), QUITANDA_NAME="admin-portal-1"
    )
    with pytest.raises(SettingsError, match="QUITANDA_COURSE_CREDENTIAL is needed where"):
        load(AdminPortalSettings)

    (tmp_path / "credential").write_text("qt1_token\n")
    environment({}, QUITANDA_COURSE_CREDENTIAL=str(tmp_path / "credential"))
    assert load(AdminPortalSettings).course_token() == "qt1_token"

    (tmp_path / "credential").unlink()
    assert load(AdminPortalSettings).course_token() == ""


def test_a_replica_is_told_everything_by_its_environment(environment):
    environment(
        REPLICA,
        **BROKER,
        QUITANDA_METRICS_LISTEN="127.0.0.1:7211",
        QUITANDA_BOOTSTRAP="true",
        QUITANDA_LOG_LEVEL="DEBUG",
        QUITANDA_LOG_FORMAT="json",
    )

    settings = load(ReplicaSettings)

    assert settings.name == "replica1"
    assert settings.replicas["replica3"] == Address("127.0.0.1", 7013)
    assert settings.raft_addresses["replica2"] == Address("127.0.0.1", 7022)
    assert settings.listen == Address("127.0.0.1", 7011)
    assert settings.mqtt == Address("127.0.0.1", 7883)
    assert settings.metrics_listen == Address("127.0.0.1", 7211)
    assert settings.bootstrap
    assert settings.log_level is LogLevel.DEBUG
    assert settings.log_format is LogFormat.JSON
    assert settings.cluster_secret.get_secret_value() == "a long enough secret"
    assert settings.required_feed_key() == "a long enough key"


def test_what_need_not_be_told_has_a_default(environment):
    environment(REPLICA)

    settings = load(ReplicaSettings)

    assert (settings.mqtt, settings.metrics_listen, settings.bootstrap) == (None, None, False)
    assert settings.raft_election_timeout_min_seconds < settings.raft_election_timeout_max_seconds


@pytest.mark.parametrize("kind", [AdminPortalSettings, ClientPortalSettings])
def test_a_portal_has_the_defaults_of_the_contract(environment, kind):
    environment(PORTAL)

    settings = load(kind)

    assert (settings.cache_entries, settings.staleness_seconds, settings.request_timeout_seconds) == (10_000, 1.0, 10.0)
    assert settings.mqtt is None


def test_an_empty_optional_address_is_none(environment):
    environment(PORTAL, QUITANDA_MQTT="", QUITANDA_METRICS_LISTEN=" ")

    settings = load(AdminPortalSettings)

    assert (settings.mqtt, settings.metrics_listen) == (None, None)


def test_a_client_portal_may_take_requests_over_mqtt(environment):
    environment(PORTAL, **BROKER, QUITANDA_MQTT_GATEWAY="shared")

    assert load(ClientPortalSettings).mqtt_gateway is GatewayMode.SHARED


def test_variables_of_other_processes_do_no_harm(environment):
    environment(REPLICA, QUITANDA_CACHE_ENTRIES="5")

    assert load(ReplicaSettings).name == "replica1"


def test_a_program_may_give_a_field_itself(environment):
    environment(PORTAL)

    assert load(AdminPortalSettings, name="portal9").name == "portal9"


def test_settings_do_not_change(environment):
    environment(PORTAL)
    settings = load(AdminPortalSettings)

    with pytest.raises(ValueError, match="frozen"):
        settings.name = "portal2"


@pytest.mark.parametrize("variable", REPLICA)
def test_a_variable_that_is_not_set_is_named(environment, variable):
    environment(REPLICA, **{variable: None})

    with pytest.raises(SettingsError, match=f"{variable} is not set"):
        load(ReplicaSettings)


@pytest.mark.parametrize(
    ("kind", "variables", "changes", "named"),
    [
        (ReplicaSettings, REPLICA, {"QUITANDA_NAME": "replica9"}, ["QUITANDA_NAME", "'replica9'", "QUITANDA_REPLICAS"]),
        (ReplicaSettings, REPLICA, {"QUITANDA_NAME": "-x"}, ["QUITANDA_NAME"]),
        (ReplicaSettings, REPLICA, {"QUITANDA_LISTEN": "here"}, ["QUITANDA_LISTEN", "host:port"]),
        (ReplicaSettings, REPLICA, {"QUITANDA_REPLICAS": "replica1"}, ["QUITANDA_REPLICAS", "name=host:port"]),
        (
            ReplicaSettings,
            REPLICA,
            {"QUITANDA_RAFT_ADDRESSES": "replica1=127.0.0.1:7021"},
            ["QUITANDA_RAFT_ADDRESSES", "same names"],
        ),
        (ReplicaSettings, REPLICA, {"QUITANDA_CLUSTER_SECRET": "short"}, ["QUITANDA_CLUSTER_SECRET", "16 characters"]),
        (ReplicaSettings, REPLICA, {"QUITANDA_BOOTSTRAP": "perhaps"}, ["QUITANDA_BOOTSTRAP"]),
        (ReplicaSettings, REPLICA, {"QUITANDA_LOG_LEVEL": "loud"}, ["QUITANDA_LOG_LEVEL"]),
        (
            ReplicaSettings,
            REPLICA,
            {"QUITANDA_RAFT_ELECTION_TIMEOUT_MIN_SECONDS": "2"},
            ["QUITANDA_RAFT_ELECTION_TIMEOUT_MIN_SECONDS", "QUITANDA_RAFT_ELECTION_TIMEOUT_MAX_SECONDS"],
        ),
        (
            ReplicaSettings,
            REPLICA,
            {"QUITANDA_RAFT_HEARTBEAT_SECONDS": "0.24"},
            ["QUITANDA_RAFT_HEARTBEAT_SECONDS", "QUITANDA_RAFT_ELECTION_TIMEOUT_MIN_SECONDS"],
        ),
        (
            ReplicaSettings,
            REPLICA,
            {"QUITANDA_RAFT_CONNECTION_TIMEOUT_SECONDS": "0.9"},
            ["QUITANDA_RAFT_CONNECTION_TIMEOUT_SECONDS", "QUITANDA_RAFT_ELECTION_TIMEOUT_MAX_SECONDS"],
        ),
        (ReplicaSettings, REPLICA, {"QUITANDA_RAFT_HEARTBEAT_SECONDS": "nan"}, ["QUITANDA_RAFT_HEARTBEAT_SECONDS"]),
        (
            ReplicaSettings,
            REPLICA,
            {**BROKER, "QUITANDA_FEED_KEY": "a long enough secret"},
            ["QUITANDA_FEED_KEY", "QUITANDA_CLUSTER_SECRET"],
        ),
        (AdminPortalSettings, PORTAL, {**BROKER, "QUITANDA_FEED_KEY": None}, ["QUITANDA_MQTT", "QUITANDA_FEED_KEY"]),
        (AdminPortalSettings, PORTAL, {**BROKER, "QUITANDA_FEED_KEY": ""}, ["QUITANDA_MQTT", "QUITANDA_FEED_KEY"]),
        (
            AdminPortalSettings,
            PORTAL,
            {**BROKER, "QUITANDA_FEED_KEY": "short"},
            ["QUITANDA_FEED_KEY", "16 characters"],
        ),
        (AdminPortalSettings, PORTAL, {"QUITANDA_STALENESS_SECONDS": "0"}, ["QUITANDA_STALENESS_SECONDS"]),
        (AdminPortalSettings, PORTAL, {"QUITANDA_CACHE_ENTRIES": "-1"}, ["QUITANDA_CACHE_ENTRIES"]),
        (
            AdminPortalSettings,
            PORTAL,
            {"QUITANDA_REQUEST_TIMEOUT_SECONDS": "soon"},
            ["QUITANDA_REQUEST_TIMEOUT_SECONDS"],
        ),
        (ClientPortalSettings, PORTAL, {"QUITANDA_MQTT_GATEWAY": "on"}, ["QUITANDA_MQTT_GATEWAY"]),
        (ClientPortalSettings, PORTAL, {"QUITANDA_ORDER_HOLD_SECONDS": "-1"}, ["QUITANDA_ORDER_HOLD_SECONDS"]),
        (ClientPortalSettings, PORTAL, {"QUITANDA_ORDER_HOLD_SECONDS": "31536001"}, ["QUITANDA_ORDER_HOLD_SECONDS"]),
        (ClientPortalSettings, PORTAL, {"QUITANDA_ORDER_HOLD_SECONDS": "1.5"}, ["QUITANDA_ORDER_HOLD_SECONDS"]),
        (ClientPortalSettings, PORTAL, {"QUITANDA_MQTT_GATEWAY": "shared"}, ["QUITANDA_MQTT_GATEWAY", "QUITANDA_MQTT"]),
    ],
)
def test_a_variable_that_is_wrong_is_named(environment, kind, variables, changes, named):
    environment(variables, **changes)

    with pytest.raises(SettingsError) as caught:
        load(kind)

    assert [part for part in named if part not in str(caught.value)] == []


def test_the_secret_and_the_feeds_key_are_shown_nowhere(environment):
    environment(REPLICA, **BROKER)
    settings = load(ReplicaSettings)
    environment(REPLICA, QUITANDA_CLUSTER_SECRET="tooshort", QUITANDA_LISTEN="?")

    with pytest.raises(SettingsError) as caught:
        load(ReplicaSettings)

    shown = f"{settings!r} {settings} {settings.model_dump_json()}"
    assert [secret for secret in ("a long enough secret", "a long enough key") if secret in shown] == []
    assert "tooshort" not in str(caught.value)


def test_a_process_with_wrong_settings_ends_with_two_and_one_clear_message():
    program = "from quitanda.runtime.settings import *; load_or_exit(AdminPortalSettings)"
    variables = {"PATH": os.environ["PATH"], **PORTAL, "QUITANDA_LISTEN": "nowhere"}

    ended = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=False, timeout=30
    )

    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "The settings are not usable:",
        "  QUITANDA_LISTEN 'nowhere' is not an address; write host:port, for example 127.0.0.1:7001",
    ]


def test_everything_that_is_wrong_is_told_together_relations_and_slips_too(environment):
    environment(
        REPLICA,
        QUITANDA_NAME="replica9",
        QUITANDA_LISTEN="here",
        QUITANDA_RAFT_ADDRESSES="replica1=127.0.0.1:7021",
        QUITANDA_CLUSTER_SECRET="short",
        QUITANDA_RAFT_HEARTBEAT_SECONDS="3",
        QUITANDA_MQTT="127.0.0.1:7883",
        QUITANDA_BOOSTRAP="true",
    )

    with pytest.raises(SettingsError) as caught:
        load(ReplicaSettings)

    title, *lines = str(caught.value).splitlines()
    assert title == "The settings are not usable:"
    assert [line.split()[0] for line in lines] == [
        "QUITANDA_BOOSTRAP",
        "QUITANDA_NAME",
        "QUITANDA_LISTEN",
        "QUITANDA_FEED_KEY",
        "QUITANDA_RAFT_ADDRESSES",
        "QUITANDA_CLUSTER_SECRET",
        "QUITANDA_RAFT_HEARTBEAT_SECONDS",
    ]
    assert lines[0] == "  QUITANDA_BOOSTRAP is not a setting; did you mean QUITANDA_BOOTSTRAP?"


def test_a_misspelt_variable_alone_is_refused_too(environment):
    environment(PORTAL, QUITANDA_CACHE_ENTRYS="5")

    with pytest.raises(SettingsError, match="QUITANDA_CACHE_ENTRYS is not a setting; did you mean QUITANDA_CACHE_ENTR"):
        load(AdminPortalSettings)


@pytest.fixture
def identity(tmp_path):
    return write_identity(tmp_path / "identity")


@pytest.mark.parametrize("value", [None, "", "off", "OFF"])
def test_a_process_has_no_identity_unless_a_folder_is_named(environment, value):
    environment(PORTAL, QUITANDA_IDENTITY=value)

    assert load(AdminPortalSettings).identity is None


def test_the_secrets_come_from_the_identity_folder(environment, identity):
    (identity / "cluster-secret").write_text("a-secret-of-the-folder\n")
    (identity / "feed-key").write_text("a-feed-key-of-the-folder\n")
    environment(REPLICA, QUITANDA_MQTT="127.0.0.1:7883", QUITANDA_CLUSTER_SECRET=None, QUITANDA_IDENTITY=str(identity))

    settings = load(ReplicaSettings)

    assert settings.identity == identity
    assert settings.cluster_secret.get_secret_value() == "a-secret-of-the-folder"
    assert settings.required_feed_key() == "a-feed-key-of-the-folder"


def test_a_secret_that_the_folder_has_not_comes_from_its_variable(environment, identity):
    environment(REPLICA, **BROKER, QUITANDA_IDENTITY=str(identity))

    settings = load(ReplicaSettings)

    assert settings.cluster_secret.get_secret_value() == "a long enough secret"
    assert settings.required_feed_key() == "a long enough key"


@pytest.mark.parametrize(
    ("variable", "file"), [("QUITANDA_CLUSTER_SECRET", "cluster-secret"), ("QUITANDA_FEED_KEY", "feed-key")]
)
def test_a_secret_in_its_variable_and_in_the_folder_is_refused(environment, identity, variable, file):
    (identity / file).write_text("another-secret-of-the-folder")
    environment(REPLICA, **BROKER, QUITANDA_IDENTITY=str(identity))

    problem = problem_with(ReplicaSettings)

    assert f"{variable} is set, and {identity / file} holds one, too: unset the variable" in problem
    assert "another-secret" not in problem


def test_a_second_secret_comes_from_its_variable_or_from_the_folder_and_is_held_to_the_same_rules(
    environment, identity
):
    environment(REPLICA, QUITANDA_CLUSTER_SECRET_ACCEPTED="")
    assert load(ReplicaSettings).cluster_secret_accepted.get_secret_value() == ""

    environment(REPLICA, QUITANDA_IDENTITY=str(identity), QUITANDA_CLUSTER_SECRET_ACCEPTED="short")
    with pytest.raises(SettingsError, match="CLUSTER_SECRET_ACCEPTED must have at least"):
        load(ReplicaSettings)

    (identity / "cluster-secret-accepted").write_text("a-second-secret-of-the-folder\n")
    environment(REPLICA, QUITANDA_IDENTITY=str(identity), QUITANDA_CLUSTER_SECRET_ACCEPTED="")
    assert load(ReplicaSettings).cluster_secret_accepted.get_secret_value() == "a-second-secret-of-the-folder"


def test_a_secret_that_is_nowhere_is_asked_for(environment, identity):
    environment(REPLICA, QUITANDA_CLUSTER_SECRET=None, QUITANDA_IDENTITY=str(identity))

    assert problem_with(ReplicaSettings) == "The settings are not usable:\n  QUITANDA_CLUSTER_SECRET is not set"


def test_a_secret_of_the_folder_is_held_to_the_same_rules(environment, identity):
    (identity / "cluster-secret").write_text("short")
    environment(REPLICA, QUITANDA_CLUSTER_SECRET=None, QUITANDA_IDENTITY=str(identity))

    assert "QUITANDA_CLUSTER_SECRET must have at least 16 characters" in problem_with(ReplicaSettings)


@pytest.mark.parametrize("broken", ["ca.pem", "process.pem"])
def test_a_folder_that_cannot_be_used_is_refused_with_the_file_and_the_next_step(environment, identity, broken):
    whole = (identity / broken).read_bytes()
    environment(REPLICA, QUITANDA_IDENTITY=str(identity))

    for content in (b"", whole[: len(whole) // 2], None):
        (identity / broken).unlink() if content is None else (identity / broken).write_bytes(content)

        problem = problem_with(ReplicaSettings)

        assert f"QUITANDA_IDENTITY names no identity folder that can be used: {identity / broken}: " in problem
        assert "quitanda.identity" in problem


def problem_with(kind):
    with pytest.raises(SettingsError) as refused:
        load(kind)
    return str(refused.value)


def test_portals_that_share_requests_need_the_secret_name_of_their_group(environment, identity):
    environment(PORTAL, **BROKER, QUITANDA_MQTT_GATEWAY="shared", QUITANDA_IDENTITY=str(identity))

    with pytest.raises(SettingsError, match=r"QUITANDA_MQTT_GATEWAY is shared, and .*request-group: it cannot be read"):
        load(ClientPortalSettings)

    (identity / "request-group").write_text("secret")
    assert load(ClientPortalSettings).mqtt_gateway is GatewayMode.SHARED

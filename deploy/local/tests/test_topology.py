"""Names, ports and settings of the processes."""

from dataclasses import replace
from pathlib import Path

import pytest

from quitanda_local.topology import (
    PORTS_FROM_MAX,
    PORTS_NEEDED,
    BrokerKind,
    Deployment,
    ServiceRole,
    environment,
    fixed,
    on_ports,
)

DEPLOYMENT = Deployment(
    fixed(), BrokerKind.MOSQUITTO, Path("/data"), "a-secret-of-the-cluster", "a-key-of-the-feed", bootstrap=True
)


def all_ports(topology):
    return [port for service in topology.services for port, _ in service.ports()]


def test_the_page_is_there_for_whoever_asks_and_knows_all_portals():
    with_page = replace(DEPLOYMENT, topology=fixed(web=True, ports_from=8000))
    page = with_page.topology.named("web")
    told = environment(with_page, "web")

    assert (page.port, page.metrics_port) == (8080, 8280)
    assert told["QUITANDA_WEB_LISTEN"] == "127.0.0.1:8080"
    assert told["QUITANDA_ADMIN_PORTALS"] == "127.0.0.1:8001,127.0.0.1:8002"
    assert told["QUITANDA_CLIENT_PORTALS"] == "127.0.0.1:8003,127.0.0.1:8004"
    assert "QUITANDA_IDENTITY" not in told
    assert environment(replace(with_page, identities=Path("/i")), "web")["QUITANDA_IDENTITY"] == "/i/web"
    assert "web" not in {service.name for service in fixed().services}


def test_the_fixed_plan_uses_the_documented_ports():
    addresses = {service.name: service.address for service in fixed().services}

    assert addresses == {
        "broker": "127.0.0.1:7883",
        "replica1": "127.0.0.1:7011",
        "replica2": "127.0.0.1:7012",
        "replica3": "127.0.0.1:7013",
        "admin-portal-1": "127.0.0.1:7001",
        "admin-portal-2": "127.0.0.1:7002",
        "client-portal-1": "127.0.0.1:7003",
        "client-portal-2": "127.0.0.1:7004",
    }
    assert [service.raft_port for service in fixed().of(ServiceRole.REPLICA)] == [7021, 7022, 7023]


def test_metrics_are_served_two_hundred_ports_above_grpc():
    for service in fixed().services:
        if service.role is not ServiceRole.BROKER:
            assert service.metrics_port == service.port + 200


def test_ports_counted_from_elsewhere_meet_none_of_the_usual_ones():
    moved = all_ports(fixed(course=True, ports_from=8000))

    assert moved == [port + 1000 for port in all_ports(fixed(course=True))]
    assert not set(moved) & set(all_ports(fixed(course=True)))
    assert max(all_ports(fixed(course=True, ports_from=PORTS_FROM_MAX))) == 65_535


def test_no_port_is_used_twice():
    assert len(all_ports(fixed(course=True))) == PORTS_NEEDED
    assert len(set(all_ports(fixed(course=True)))) == PORTS_NEEDED


def test_the_courses_contract_is_served_on_ports_of_its_own_where_it_is_asked_for():
    ports = {service.name: service.course_port for service in fixed(course=True).services if service.course_port}

    assert ports == {"admin-portal-1": 7101, "admin-portal-2": 7102, "client-portal-1": 7103, "client-portal-2": 7104}
    assert [service.course_port for service in fixed().services] == [None] * 8


def test_only_portals_that_serve_the_courses_contract_are_told_where():
    with_course = replace(DEPLOYMENT, topology=fixed(course=True))

    assert {
        name: told
        for name in (service.name for service in fixed().services)
        if (told := environment(with_course, name).get("QUITANDA_COURSE_LISTEN"))
    } == {
        "admin-portal-1": "127.0.0.1:7101",
        "admin-portal-2": "127.0.0.1:7102",
        "client-portal-1": "127.0.0.1:7103",
        "client-portal-2": "127.0.0.1:7104",
    }
    assert not any("QUITANDA_COURSE_LISTEN" in environment(DEPLOYMENT, s.name) for s in fixed().services)


def test_a_topology_on_given_ports_uses_each_of_them_once():
    assert sorted(all_ports(on_ports(range(20_000, 20_000 + PORTS_NEEDED)))) == list(
        range(20_000, 20_000 + PORTS_NEEDED)
    )


def test_too_few_ports_are_refused():
    with pytest.raises(ValueError, match=f"{PORTS_NEEDED} ports are needed, not 2"):
        on_ports([1, 2])


def test_an_unknown_name_is_refused_with_the_names_that_there_are():
    with pytest.raises(KeyError, match=r"replica9.*replica1"):
        fixed().named("replica9")


def test_a_replica_is_told_of_its_peers_its_disk_and_the_broker():
    assert environment(DEPLOYMENT, "replica2") == {
        "QUITANDA_NAME": "replica2",
        "QUITANDA_LISTEN": "127.0.0.1:7012",
        "QUITANDA_METRICS_LISTEN": "127.0.0.1:7212",
        "QUITANDA_REPLICAS": "replica1=127.0.0.1:7011,replica2=127.0.0.1:7012,replica3=127.0.0.1:7013",
        "QUITANDA_RAFT_ADDRESSES": "replica1=127.0.0.1:7021,replica2=127.0.0.1:7022,replica3=127.0.0.1:7023",
        "QUITANDA_DATA_DIR": "/data/replica2",
        "QUITANDA_MQTT": "127.0.0.1:7883",
        "QUITANDA_FEED_KEY": "a-key-of-the-feed",
        "QUITANDA_CLUSTER_SECRET": "a-secret-of-the-cluster",
        "QUITANDA_BOOTSTRAP": "true",
        "QUITANDA_LOG_LEVEL": "info",
        "QUITANDA_LOG_FORMAT": "json",
    }


def test_with_identities_each_process_has_its_own_folder_and_no_secret_is_in_its_environment():
    with_identities = replace(DEPLOYMENT, identities=Path("/data/identity"))

    for service in fixed().services:
        told = environment(with_identities, service.name)
        folder = None if service.role is ServiceRole.BROKER else f"/data/identity/{service.name}"
        assert told.get("QUITANDA_IDENTITY") == folder
        assert not set(told.values()) & {DEPLOYMENT.secret, DEPLOYMENT.feed_key}
    assert not any("QUITANDA_IDENTITY" in environment(DEPLOYMENT, service.name) for service in fixed().services)


def test_only_replicas_learn_the_secret():
    told = [s.name for s in fixed().services if "QUITANDA_CLUSTER_SECRET" in environment(DEPLOYMENT, s.name)]

    assert told == ["replica1", "replica2", "replica3"]


def test_replicas_and_portals_know_the_feed_by_one_key_and_the_broker_has_none():
    keys = {s.name: environment(DEPLOYMENT, s.name).get("QUITANDA_FEED_KEY") for s in fixed().services}

    assert keys.pop("broker") is None
    assert set(keys.values()) == {"a-key-of-the-feed"}


@pytest.mark.parametrize(
    ("broker", "gateways"),
    [(BrokerKind.MOSQUITTO, ["shared", "shared"]), (BrokerKind.AMQTT, ["exclusive", "off"])],
)
def test_client_portals_share_mqtt_requests_only_where_the_broker_can_share_them(broker, gateways):
    deployment = replace(DEPLOYMENT, broker=broker)

    assert [
        environment(deployment, portal.name)["QUITANDA_MQTT_GATEWAY"]
        for portal in fixed().of(ServiceRole.CLIENT_PORTAL)
    ] == gateways


def test_the_broker_needs_no_variables():
    assert environment(DEPLOYMENT, "broker") == {}

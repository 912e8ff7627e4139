"""Metrics are kept in one registry and served where an address is set."""

import socket
import struct
import threading
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from structlog.testing import capture_logs

from quitanda.runtime.addresses import Address
from quitanda.runtime.admission import AdmissionLimiter, AdmissionOptions
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.metrics import RequestMetrics, new_registry, serve, show_admission
from quitanda_testing.identity_folders import CertificateAuthority, write_file, write_identity


def test_nothing_is_served_where_no_address_is_set():
    assert serve(None, new_registry()) is None


def test_the_registry_is_served_over_http_and_the_port_given_back():
    registry = new_registry()
    RequestMetrics(registry).answered("create_order", "grpc", "OUT_OF_STOCK", 0.003)
    server = serve(Address("127.0.0.1", 0), registry)

    with urlopen(f"http://{server.address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    server.close()

    assert 'quitanda_requests_total{operation="create_order",reason="OUT_OF_STOCK",transport="grpc"} 1.0' in text
    assert 'quitanda_request_seconds_count{operation="create_order",transport="grpc"} 1.0' in text
    assert "process_cpu_seconds_total" in text
    serve(server.address, registry).close()


def test_an_address_that_is_taken_is_an_error():
    server = serve(Address("127.0.0.1", 0), new_registry())

    with pytest.raises(OSError, match="in use"):
        serve(server.address, new_registry())

    server.close()


def test_two_registries_do_not_mix():
    first, second = new_registry(), new_registry()
    RequestMetrics(first).answered("get_order", "mqtt", "OK", 0.1)
    RequestMetrics(second)

    labels = {"operation": "get_order", "transport": "mqtt", "reason": "OK"}
    assert first.get_sample_value("quitanda_requests_total", labels) == 1
    assert second.get_sample_value("quitanda_requests_total", labels) is None


def test_what_a_limiter_admits_and_refuses_is_shown():
    registry, limiter = new_registry(), AdmissionLimiter(AdmissionOptions(limit_start=2, limit_min=1))
    show_admission(registry, {"writes": limiter})
    for _ in range(2):
        limiter.admit("bia", 2.0, 0.0)
    refusals = [limiter.refuse_unread(0.0) for _ in range(60)]

    def shown(name, **labels):
        return registry.get_sample_value(f"quitanda_admission_{name}", {"kind": "writes", **labels})

    assert shown("limit") == shown("in_flight") == shown("admitted_total") == 2
    assert shown("refused_total", reason="unread") == sum(refusal is not None for refusal in refusals) > 0
    assert shown("refused_total", reason="late") == 0


def fetched(address, identity=None):
    context = None if identity is None else identity.current().client_context
    scheme = "http" if context is None else "https"
    with urlopen(f"{scheme}://{address}/metrics", timeout=10, context=context) as answer:
        return answer.read().decode()


@pytest.fixture
def authority():
    return CertificateAuthority()


@pytest.fixture
def metrics_of(tmp_path, authority):
    """The address of a registry that is served with an identity."""
    identity = LinkIdentity(write_identity(tmp_path / "replica1", "replica/replica1", authority))
    server = serve(Address("127.0.0.1", 0), new_registry(), identity)
    yield server.address
    server.close()


def test_with_an_identity_only_callers_with_a_certificate_of_the_authority_see_the_metrics(
    metrics_of, tmp_path, authority
):
    prometheus = write_identity(tmp_path / "metrics", "metrics", authority)
    nobody = write_identity(tmp_path / "nobody", "metrics", authority)
    (nobody / "process.pem").unlink()
    foreign = write_identity(tmp_path / "foreign", "metrics")
    write_file(foreign / "ca.pem", authority.pem)

    assert "process_cpu_seconds_total" in fetched(metrics_of, LinkIdentity(prometheus))
    for refused in (LinkIdentity(nobody), LinkIdentity(foreign), None):
        # How it shows depends on whether the client still writes when the server has hung up.
        with pytest.raises(OSError, match=r"alert|closed|reset|EOF|Broken pipe"):
            fetched(metrics_of, refused)


def test_a_renewed_certificate_of_the_metrics_counts_without_a_restart(metrics_of, tmp_path, authority):
    successor = CertificateAuthority("The next authority")
    folder = write_identity(tmp_path / "metrics", "metrics", successor)
    with pytest.raises(OSError, match=r"self-signed|unable to get local issuer"):
        fetched(metrics_of, LinkIdentity(folder))

    write_file(tmp_path / "replica1" / "ca.pem", authority.pem + successor.pem)
    write_file(tmp_path / "replica1" / "process.pem", successor.issue("replica/replica1"))

    assert "process_cpu_seconds_total" in fetched(metrics_of, LinkIdentity(folder))


def test_a_caller_that_says_nothing_keeps_no_other_from_the_metrics(metrics_of, tmp_path, authority):
    prometheus = LinkIdentity(write_identity(tmp_path / "metrics", "metrics", authority))

    with socket.create_connection((metrics_of.host, metrics_of.port)):
        assert "process_cpu_seconds_total" in fetched(metrics_of, prometheus)


class Gated(Collector):
    """Has its figure only once the caller is gone."""

    def __init__(self):
        self.asked, self.gone = threading.Event(), threading.Event()

    def collect(self):
        self.asked.set()
        assert self.gone.wait(10)
        yield GaugeMetricFamily("gated", "x", value=1)

    def describe(self):
        return []


def test_a_caller_who_hangs_up_before_the_answer_writes_nothing_to_the_standard_error(tmp_path, authority, capfd):
    registry, gated = new_registry(), Gated()
    registry.register(gated)
    identity = LinkIdentity(write_identity(tmp_path / "replica1", "replica/replica1", authority))
    server = serve(Address("127.0.0.1", 0), registry, identity)

    with (
        socket.create_connection((server.address.host, server.address.port)) as plain,
        identity.current().client_context.wrap_socket(plain, server_hostname="localhost") as caller,
    ):
        caller.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert gated.asked.wait(10)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gated.gone.set()
    assert "gated 1.0" in fetched(server.address, identity)
    server.close()

    assert capfd.readouterr().err == ""


def test_a_figure_that_cannot_be_collected_is_logged():
    class Broken(Collector):
        def collect(self):
            raise RuntimeError("no figure")

        def describe(self):
            return []

    registry = new_registry()
    registry.register(Broken())
    server = serve(Address("127.0.0.1", 0), registry)

    with capture_logs() as log, pytest.raises(HTTPError), urlopen(f"http://{server.address}/metrics", timeout=20):
        pass
    server.close()

    assert [entry["event"] for entry in log if entry["log_level"] == "error"] == ["metrics_failed"]

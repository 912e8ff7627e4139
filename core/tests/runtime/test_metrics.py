"""Metrics are kept in one registry and served where an address is set."""

from urllib.request import urlopen

import pytest

from quitanda.runtime.addresses import Address
from quitanda.runtime.admission import AdmissionLimiter, AdmissionOptions
from quitanda.runtime.metrics import RequestMetrics, new_registry, serve, show_admission


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

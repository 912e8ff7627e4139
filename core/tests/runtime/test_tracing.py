"""Tracing: off unless a collector is named; the context travels as text; a collector that is away costs only spans."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pkgutil import walk_packages

import pytest
from collected_spans import parent_of, traced

from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import OutcomeUnknown, Rejected
from quitanda.runtime import tracing

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
COLLECTOR = "http://127.0.0.1:4317"
PROGRAMS = ("quitanda", "quitanda_replica", "quitanda_admin_portal", "quitanda_client_portal", "quitanda_clients")
EXPORT_SECONDS = 2.0
"""How long the library waits for one answer of the silent collector: who waited for it once would take as long."""
LIBRARY_THREADS = ("last-spans", "OtelBatch")
"""How the names of the threads begin that send spans."""
LOADING = {"quitanda.runtime.spans", "quitanda_replica.command_spans"}
"""The modules that load OpenTelemetry."""


@pytest.fixture(autouse=True)
def _off_again():
    """Switch tracing off, and wait for the library's threads: they would write into the next test's log."""
    yield
    tracing.close(0.0)
    deadline = time.monotonic() + 10 * EXPORT_SECONDS
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith(LIBRARY_THREADS)]:
        thread.join(deadline - time.monotonic())
        assert not thread.is_alive(), thread.name


@contextmanager
def a_collector_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def modules_of(program):
    root = find_spec(program).submodule_search_locations
    return [program, *(module.name for module in walk_packages(root, f"{program}."))]


def test_no_program_loads_opentelemetry_while_no_collector_is_named():
    named = [name for program in PROGRAMS for name in modules_of(program) if not name.endswith("__main__")]
    assert set(named) > LOADING
    code = (
        "import importlib, os, sys\n"
        f"for name in {sorted(set(named) - LOADING)!r}: importlib.import_module(name)\n"
        "from quitanda.runtime import tracing\n"
        "tracing.configure_service('replica', 'replica1', {})\n"
        "assert tracing.active is None and tracing.call_metadata() is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("[]\n", 0), ran.stderr


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_SERVICE_NAME": "shop"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": COLLECTOR}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_SDK_DISABLED": "True"}, False),
    ],
)
def test_tracing_is_on_where_a_collector_is_named_and_the_library_is_not_disabled(environment, wanted):
    assert tracing.is_wanted(environment) is wanted


def test_a_protocol_that_is_not_there_leaves_tracing_off_and_the_service_running(caplog):
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}

    tracing.configure_service("replica", "replica1", environment)

    assert tracing.active is None
    assert [line.message for line in caplog.records] == ["tracing_not_possible"]


def test_a_span_continues_the_trace_that_another_process_names_and_begins_one_where_none_is():
    with traced() as ended:
        span = tracing.active.begin("execute", "server", TRACEPARENT, operation="cancel_order", request_id="")
        span.child("apply", "internal", log_index=7).end()
        span.end("OK", revision=7)
        tracing.active.begin("execute", "server", "00-not-a-context").end()
        apply, execute, alone = ended()

    assert parent_of(execute) == TRACEPARENT
    assert parent_of(apply) == span.traceparent
    assert parent_of(alone) is None
    assert dict(execute.attributes) == {
        "quitanda.operation": "cancel_order",
        "quitanda.revision": 7,
        "quitanda.reason": "OK",
    }


def test_a_span_ends_with_the_reason_of_what_leaves_it_and_only_a_failure_is_an_error():
    with traced() as ended:
        with pytest.raises(Rejected), tracing.active.begin("a", "client"):
            raise Rejected(refused(Reason.OUT_OF_STOCK))
        with pytest.raises(OutcomeUnknown), tracing.active.begin("b", "client"):
            raise OutcomeUnknown
        spans = ended()

    assert [span.attributes["quitanda.reason"] for span in spans] == ["OUT_OF_STOCK", "OUTCOME_UNKNOWN"]
    assert [span.status.is_ok for span in spans] == [True, False]


def test_inside_a_span_calls_name_it_and_afterwards_the_one_around_it():
    with traced(), tracing.active.begin("outer", "internal") as outer:
        with outer.child("inner", "client") as inner:
            assert tracing.call_metadata() == (("traceparent", inner.traceparent),)
        assert tracing.traceparent_in(tracing.call_metadata()) == outer.traceparent
    assert tracing.call_metadata() is None


def test_a_call_with_several_commands_names_the_context_of_each_as_far_as_the_metadata_may_grow():
    with traced():
        spans = [tracing.active.begin("execute", "client") for _ in range(2 * tracing.TRACED_PER_CALL_MAX)]
    metadata = tracing.batch_metadata([None, *spans])
    carried = tracing.batch_traceparents(metadata)

    assert carried == ["", *(span.traceparent for span in spans[: tracing.TRACED_PER_CALL_MAX - 1])]
    assert len(str(metadata)) < 4_096
    assert tracing.batch_metadata([None, None]) is None
    assert tracing.batch_traceparents(None) == []


@pytest.mark.slow
def test_a_collector_that_never_answers_delays_nobody_and_only_so_many_spans_wait(monkeypatch):
    with a_collector_that_never_answers() as address:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "600")
        silent = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
        tracing.configure("replica", "replica1", silent, export_seconds=EXPORT_SECONDS)
        begun = time.monotonic()
        for _ in range(1_500):
            tracing.active.begin("execute", "server", TRACEPARENT).end("OK")
        ended = time.monotonic()
        (batches,) = tracing.active._provider._active_span_processor._span_processors
        waiting = len(batches._batch_processor._queue)
        tracing.close(0.2)
        closed = time.monotonic()

    assert waiting <= 600
    assert ended - begun < EXPORT_SECONDS
    assert closed - ended < EXPORT_SECONDS
    assert tracing.active is None


def test_a_command_whose_collector_is_down_ends_at_once(monkeypatch):
    with a_collector_that_never_answers() as address:
        pass  # nobody listens there any more
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    tracing.configure("client", "", {"OTEL_EXPORTER_OTLP_ENDPOINT": address}, export_seconds=0.5)
    tracing.active.begin("cancel_order", "internal").end("OK")
    begun = time.monotonic()
    tracing.close(5.0)

    assert time.monotonic() - begun < 2.0

"""The portal as a process: it starts without anybody, says so, and ends in order."""

import os
import signal
import subprocess
import sys
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda import error_status, rpc_status
from quitanda.compat.errors import ERROR_NUMBERS
from quitanda.course.contract_pb2 import ID
from quitanda.course.contract_pb2_grpc import OrderPortalStub
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda_local import ports

pytestmark = pytest.mark.slow

START_SECONDS = 20.0
STOP_SECONDS = 5.0


def start(**settings: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUITANDA_")}
    return subprocess.Popen(
        [sys.executable, "-m", "quitanda_client_portal"],
        env=environment | {f"QUITANDA_{name}": value for name, value in settings.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture
def alone():
    """Run a portal whose replicas and broker do not exist; give its process and its servers' addresses."""
    port, course, replica, broker = ports.free_ports(4)
    process = start(
        NAME="client1",
        REPLICAS=f"replica1=127.0.0.1:{replica}",
        LISTEN=f"127.0.0.1:{port}",
        COURSE_LISTEN=f"127.0.0.1:{course}",
        MQTT=f"127.0.0.1:{broker}",
        FEED_KEY="a feed key of the tests",
        MQTT_GATEWAY="shared",
        REQUEST_TIMEOUT_SECONDS="1.0",
    )
    yield process, f"127.0.0.1:{port}", f"127.0.0.1:{course}"
    process.kill()
    process.communicate()


def test_without_a_cluster_the_portal_is_alive_not_ready_and_answers_in_time(alone):
    process, address, course = alone
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=START_SECONDS)
        health = health_pb2_grpc.HealthStub(channel)
        states = [
            health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5.0).status
            for service in ("readiness", "liveness")
        ]
        started = time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            ClientPortalStub(channel).CreateOrder(pb.CreateOrderRequest(customer_id="ana"), timeout=5.0)
        seconds = time.monotonic() - started
    with grpc.insecure_channel(course) as channel:
        told = OrderPortalStub(channel).DeleteOrder(ID(ID="9"), timeout=5.0)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=STOP_SECONDS)

    assert states == [health_pb2.HealthCheckResponse.NOT_SERVING, health_pb2.HealthCheckResponse.SERVING]
    assert error_status.describe(rpc_status.from_rpc_error(caught.value)).reason == "UNAVAILABLE"
    assert told.error == ERROR_NUMBERS["UNAVAILABLE"]
    assert seconds < 2.0
    assert process.returncode == 0, output.decode()
    assert b"Traceback" not in output


def test_wrong_settings_are_named_and_end_the_process_with_2():
    process = start(NAME="client1", REPLICAS="replica1=127.0.0.1:1", LISTEN="here")
    output, _ = process.communicate(timeout=START_SECONDS)

    assert process.returncode == 2
    assert b"QUITANDA_LISTEN" in output
    assert b"Traceback" not in output

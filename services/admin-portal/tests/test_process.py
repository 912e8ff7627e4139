"""The portal as a process: it starts without a cluster, says so, and ends in order."""

import json
import os
import signal
import subprocess
import sys
from typing import NamedTuple

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.v1 import admin_portal_pb2 as pb
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalStub
from quitanda_local import ports

pytestmark = pytest.mark.slow

START_SECONDS = 20.0
STOP_SECONDS = 5.0


class Alone(NamedTuple):
    process: subprocess.Popen
    address: str
    environment: dict


@pytest.fixture
def alone():
    """Run a portal whose replicas do not exist; give its process and address."""
    port, replica = ports.free_ports(2)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUITANDA_")}
    settings = {
        "QUITANDA_NAME": "admin1",
        "QUITANDA_REPLICAS": f"replica1=127.0.0.1:{replica}",
        "QUITANDA_LISTEN": f"127.0.0.1:{port}",
        "QUITANDA_CACHE_ENTRIES": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "quitanda_admin_portal"],
        env=environment | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    yield Alone(process, f"127.0.0.1:{port}", environment | settings)
    process.kill()
    process.communicate()


def test_without_a_cluster_the_portal_says_which_replicas_it_cannot_reach_and_ends_in_order(alone):
    process, address, _ = alone
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=START_SECONDS)
        ready = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="readiness"), timeout=5.0
        )
        response = AdminPortalStub(channel).GetClusterStatus(pb.GetClusterStatusRequest(), timeout=5.0)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=STOP_SECONDS)

    assert ready.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert [(replica.name, replica.reachable) for replica in response.replicas] == [("replica1", False)]
    assert process.returncode == 0, output.decode()
    assert b"Traceback" not in output


def test_a_portal_that_is_started_twice_names_the_port_and_its_holder_in_one_line(alone):
    process, address, environment = alone
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=START_SECONDS)
    again = subprocess.run(process.args, env=environment, capture_output=True, timeout=START_SECONDS, check=False)

    (told,) = [json.loads(line) for line in again.stdout.splitlines() if json.loads(line)["level"] == "error"]
    assert again.returncode == 1
    assert f"cannot listen on {address}" in told["error"]
    assert "in use by process" in told["error"] or not sys.platform.startswith("linux")
    assert b"Traceback" not in again.stdout + again.stderr

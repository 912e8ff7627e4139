"""Stands for a replica or a portal: gRPC health, and a replica's status as a file says. Ends by SIGTERM.

The file (FAKE_STATE) holds {"leader", "term", "revisions": {name: n}, "digests": {name: text},
"unready": [name], "stubborn": [name], "broken": [name]}.
"""

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.v1 import admin_portal_pb2, replica_pb2, replica_pb2_grpc

NAME = os.environ["QUITANDA_NAME"]


def state() -> dict[str, Any]:
    return json.loads(Path(os.environ["FAKE_STATE"]).read_text(encoding="utf-8"))


class PretendedHealth(health_pb2_grpc.HealthServicer):
    def Check(  # noqa: N802 - the contract's name
        self, request: health_pb2.HealthCheckRequest, _context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        ready = request.service == "readiness" and NAME not in state().get("unready", [])
        statuses = health_pb2.HealthCheckResponse
        return statuses(status=statuses.SERVING if ready else statuses.NOT_SERVING)


class PretendedReplica(replica_pb2_grpc.ReplicaServicer):
    def GetStatus(  # noqa: N802 - the contract's name
        self, _request: replica_pb2.GetStatusRequest, _context: grpc.ServicerContext
    ) -> replica_pb2.GetStatusResponse:
        facts = state()
        leads = facts.get("leader") == NAME
        roles = admin_portal_pb2
        return replica_pb2.GetStatusResponse(
            status=admin_portal_pb2.ReplicaStatus(
                name=NAME,
                reachable=True,
                role=roles.REPLICA_ROLE_LEADER if leads else roles.REPLICA_ROLE_FOLLOWER,
                term=facts.get("term", 1),
                revision=facts.get("revisions", {}).get(NAME, 7),
                state_digest=facts.get("digests", {}).get(NAME, "d7"),
            )
        )


def wait_for(stops: SimpleQueue[None]) -> None:
    while True:
        with suppress(Empty):
            return stops.get(timeout=0.05)


def main() -> None:
    if NAME in state().get("broken", []):
        sys.stdout.write("this fake is broken on purpose\n")
        sys.exit(3)
    if data := os.environ.get("QUITANDA_DATA_DIR"):
        Path(data).mkdir(parents=True, exist_ok=True)
        with (Path(data) / "starts").open("a", encoding="ascii") as starts:
            starts.write(f"bootstrap={os.environ['QUITANDA_BOOTSTRAP']}\n")
    # An Event would wait for itself for ever where the signal comes while its lock is held; this queue's put is safe.
    stops: SimpleQueue[None] = SimpleQueue()
    stubborn = NAME in state().get("stubborn", [])
    signal.signal(signal.SIGTERM, lambda *_: None if stubborn else stops.put(None))
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(PretendedHealth(), server)
    replica_pb2_grpc.add_ReplicaServicer_to_server(PretendedReplica(), server)  # type: ignore[abstract]  # it answers one call only
    server.add_insecure_port(os.environ["QUITANDA_LISTEN"])
    server.start()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    wait_for(stops)
    server.stop(None).wait()


main()

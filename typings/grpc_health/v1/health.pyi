from concurrent.futures import ThreadPoolExecutor
from typing import Final

from grpc_health.v1 import _async as aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

__all__ = ["OVERALL_HEALTH", "SERVICE_NAME", "HealthServicer", "aio"]

SERVICE_NAME: Final[str]
OVERALL_HEALTH: Final = ""

class HealthServicer(health_pb2_grpc.HealthServicer):
    def __init__(
        self, experimental_non_blocking: bool = True, experimental_thread_pool: ThreadPoolExecutor | None = None
    ) -> None: ...
    def set(self, service: str, status: health_pb2.HealthCheckResponse.ServingStatus) -> None: ...
    def enter_graceful_shutdown(self) -> None: ...

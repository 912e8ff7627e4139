from collections.abc import Iterable
from typing import Final

import grpc
import grpc.aio

SERVICE_NAME: Final[str]

def enable_server_reflection(service_names: Iterable[str], server: grpc.Server | grpc.aio.Server) -> None: ...

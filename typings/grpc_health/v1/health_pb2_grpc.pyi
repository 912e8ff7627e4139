from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

class HealthServicer: ...

class HealthStub:
    Check: Callable[..., Any]
    Watch: Callable[..., Any]
    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ...

def add_HealthServicer_to_server(servicer: HealthServicer, server: grpc.Server | grpc.aio.Server) -> None: ...

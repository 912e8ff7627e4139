from typing import Final, NewType

from google.protobuf.message import Message

class HealthCheckRequest(Message):
    service: str
    def __init__(self, *, service: str = ...) -> None: ...

class HealthCheckResponse(Message):
    ServingStatus = NewType("ServingStatus", int)
    UNKNOWN: Final[ServingStatus]
    SERVING: Final[ServingStatus]
    NOT_SERVING: Final[ServingStatus]
    SERVICE_UNKNOWN: Final[ServingStatus]
    status: ServingStatus
    def __init__(self, *, status: ServingStatus = ...) -> None: ...

"""Server reflection under both of its names: `grpc.reflection.v1`, which tools ask for today, and `v1alpha`.

Both have the same messages on the wire; the library has code for the older name only. Reflection also knows
`google.rpc.ErrorInfo`, so that generic tools decode the details of our errors: they ask for it by its name.
"""

import importlib
from collections.abc import Sequence
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection

_LIBRARY: Final[Any] = reflection
_MESSAGES: Final[Any] = importlib.import_module("grpc_reflection.v1alpha.reflection_pb2")
"""The published types know neither the servicers nor the messages."""

V1_NAME: Final = "grpc.reflection.v1.ServerReflection"
_V1_FILE: Final = "grpc/reflection/v1/reflection.proto"
_METHOD: Final = "ServerReflectionInfo"
_ERROR_DETAILS: Final = error_details_pb2.DESCRIPTOR
"""Importing it is what puts it where reflection looks."""


def enable_reflection(service_names: Sequence[str], server: grpc.aio.Server | grpc.Server) -> None:
    """Let a server, of asyncio or of threads, tell of these services and of reflection itself."""
    _describe_v1()
    names = (*service_names, reflection.SERVICE_NAME, V1_NAME)
    reflection.enable_server_reflection(names, server)
    kind: Any = _LIBRARY.aio.ReflectionServicer if isinstance(server, grpc.aio.Server) else _LIBRARY.ReflectionServicer
    servicer = kind(names)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=_MESSAGES.ServerReflectionRequest.FromString,
        response_serializer=_MESSAGES.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(V1_NAME, {_METHOD: handler}),))


def _describe_v1() -> None:
    """Make the newer name known to who asks what it is; a file of the library, should it come to have one, is kept."""
    pool = descriptor_pool.Default()
    try:
        pool.FindFileByName(_V1_FILE)
    except KeyError:
        pool.AddSerializedFile(_v1_file().SerializeToString())


def _v1_file() -> descriptor_pb2.FileDescriptorProto:
    """Write the description of v1, which is that of v1alpha by another name."""
    file = descriptor_pb2.FileDescriptorProto()
    _MESSAGES.DESCRIPTOR.CopyToProto(file)
    older = f".{file.package}."
    file.name, file.package = _V1_FILE, V1_NAME.rpartition(".")[0]
    newer = f".{file.package}."
    for message in file.message_type:
        for field in filter(lambda field: field.type_name, message.field):
            field.type_name = field.type_name.replace(older, newer)
    for service in file.service:
        for method in service.method:
            method.input_type = method.input_type.replace(older, newer)
            method.output_type = method.output_type.replace(older, newer)
    return file

"""Which backend a peer's portal has; only its own module is imported, so a client that is missing hinders no other."""

from importlib import import_module
from typing import Any, Final

from bench.peers.order_change import Backend

CLASSES: Final = {
    "etcd": ("bench.peers.etcd", "EtcdBackend"),
    "postgresql": ("bench.peers.postgresql", "PostgresqlBackend"),
    "pysyncobj": ("bench.peers.pysyncobj", "PysyncobjBackend"),
}


def open_backend(peer: str, settings: dict[str, Any]) -> Backend:
    """Make the backend of the peer with the settings that its system gave."""
    module, name = CLASSES[peer]
    backend: Backend = getattr(import_module(module), name)(settings)
    return backend

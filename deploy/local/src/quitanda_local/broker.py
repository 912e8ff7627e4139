"""Which MQTT broker to run, and how: mosquitto where it is installed, otherwise amqtt, which pip brings."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda_local.errors import BrokerNotFound
from quitanda_local.topology import HOST, BrokerKind

MOSQUITTO_PATHS: Final = (None, "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
"""Where mosquitto is looked for: PATH first, then where packages put it outside a user's PATH."""
MESSAGE_BYTES_MAX: Final = 1024 * 1024
QUEUED_MESSAGES_MAX: Final = 10_000
"""Messages that mosquitto holds for one slow subscriber before it drops more."""
QUEUED_BYTES_MAX: Final = 64 * 1024 * 1024
PACKET_BYTES_MAX: Final = MESSAGE_BYTES_MAX + 64 * 1024
"""A message, its topic and its properties."""
CONNECTIONS_MAX: Final = 2_000
BROKER_BYTES_MAX: Final = 512 * 1024 * 1024
"""Memory that mosquitto takes at most for everything that its clients make it hold."""


def find_mosquitto() -> str | None:
    """Find mosquitto's program, or None where it is not installed."""
    for path in MOSQUITTO_PATHS:
        found = shutil.which("mosquitto", path=path)
        if found:
            return found
    return None


def choose(wanted: BrokerKind | None) -> BrokerKind:
    """Choose the broker: the wanted one, or the best that is there. Raises BrokerNotFound."""
    if wanted is None:
        return BrokerKind.MOSQUITTO if find_mosquitto() else BrokerKind.AMQTT
    if wanted is BrokerKind.MOSQUITTO and not find_mosquitto():
        raise BrokerNotFound("mosquitto is not installed: install it, or ask for --broker amqtt")
    return wanted


def prepare(kind: BrokerKind, port: int, directory: Path, identity: IdentityFolder | None = None) -> list[str]:
    """Write the broker's configuration into the directory and return the command that starts it.

    With the broker's identity folder it speaks TLS only, and knows everybody by a certificate; the folder's access list
    (`access_rules`) says who may do what. Without one everybody may do everything.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if kind is BrokerKind.AMQTT:
        configuration = directory / "amqtt.json"
        configuration.write_text(json.dumps(amqtt_configuration(port, identity), indent=2), encoding="utf-8")
        return [sys.executable, "-m", "quitanda_local.amqtt_broker", str(configuration)]
    configuration = directory / "mosquitto.conf"
    root = os.geteuid() == 0
    text = (
        mosquitto_configuration(port, root=root)
        if identity is None
        else secure_mosquitto_configuration(port, identity, root=root)
    )
    configuration.write_text(text, encoding="utf-8")
    return [find_mosquitto() or "mosquitto", "-c", str(configuration)]


_OF_BOTH: Final = (
    "persistence false",
    "set_tcp_nodelay true",  # without it an answer waits 40 ms for the acknowledgement of the one before
    f"message_size_limit {MESSAGE_BYTES_MAX}",
    f"max_queued_messages {QUEUED_MESSAGES_MAX}",
    "max_inflight_messages 100",
    "log_dest stderr",
    "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    "log_type error",
    "log_type warning",
    "log_type notice",
    "connection_messages false",
)
"""The lines of mosquitto's configuration with and without identities."""


def mosquitto_configuration(port: int, *, root: bool) -> str:
    """Write mosquitto's configuration; the same bounds as deploy/mosquitto/mosquitto.conf, but on this machine only."""
    return _mosquitto_lines((f"listener {port} {HOST}", "allow_anonymous true", *_OF_BOTH), root=root)


def secure_mosquitto_configuration(port: int, folder: IdentityFolder, *, root: bool) -> str:
    """Write mosquitto's configuration with identities; deploy/mosquitto/mosquitto-secure.conf says why each line."""
    lines = (
        f"listener {port} {HOST}",
        f"cafile {folder.file(IdentityFile.CLIENTS_CA)}",
        f"certfile {folder.file(IdentityFile.PROCESS)}",
        f"keyfile {folder.file(IdentityFile.PROCESS)}",
        "tls_version tlsv1.2",
        "require_certificate true",
        "use_identity_as_username true",
        f"max_connections {CONNECTIONS_MAX}",
        "max_topic_alias 0",
        "allow_anonymous false",
        f"acl_file {folder.file(IdentityFile.ACL)}",
        "retain_available false",
        "sys_interval 0",
        f"max_packet_size {PACKET_BYTES_MAX}",
        f"max_queued_bytes {QUEUED_BYTES_MAX}",
        f"memory_limit {BROKER_BYTES_MAX}",
        "max_keepalive 300",
        "persistent_client_expiration 1h",
        *_OF_BOTH,
    )
    return _mosquitto_lines(lines, root=root)


def _mosquitto_lines(lines: Sequence[str], *, root: bool) -> str:
    # a change of user would undo the guard against outliving the parent
    return "".join(f"{line}\n" for line in (*lines, *(("user root",) if root else ())))


def amqtt_configuration(port: int, identity: IdentityFolder | None = None) -> dict[str, object]:
    """Build amqtt's configuration."""
    listener: dict[str, object] = {"type": "tcp", "bind": f"{HOST}:{port}"}
    if identity is None:
        plugins: dict[str, object] = {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
        }
    else:
        process = str(identity.file(IdentityFile.PROCESS))
        clients_ca = str(identity.file(IdentityFile.CLIENTS_CA))
        listener |= {"ssl": True, "cafile": clients_ca, "certfile": process, "keyfile": process}
        acl = {"acl": str(identity.file(IdentityFile.ACL))}
        plugins = {"quitanda_local.amqtt_access.CertificateNames": acl, "quitanda_local.amqtt_access.TopicAccess": acl}
    return {"listeners": {"default": listener}, "plugins": plugins}

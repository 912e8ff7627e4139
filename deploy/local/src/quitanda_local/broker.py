"""Which MQTT broker to run, and how: mosquitto where it is installed, otherwise amqtt, which pip brings."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from quitanda_local.errors import BrokerNotFound
from quitanda_local.topology import HOST, BrokerKind

MOSQUITTO_PATHS: Final = (None, "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
"""Where mosquitto is looked for: PATH first, then where packages put it outside a user's PATH."""
MESSAGE_BYTES_MAX: Final = 1024 * 1024
QUEUED_MESSAGES_MAX: Final = 10_000
"""Messages that mosquitto holds for one slow subscriber before it drops more."""


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


def prepare(kind: BrokerKind, port: int, directory: Path) -> list[str]:
    """Write the broker's configuration into the directory and return the command that starts it."""
    directory.mkdir(parents=True, exist_ok=True)
    if kind is BrokerKind.AMQTT:
        configuration = directory / "amqtt.json"
        configuration.write_text(json.dumps(amqtt_configuration(port), indent=2), encoding="utf-8")
        return [sys.executable, "-m", "quitanda_local.amqtt_broker", str(configuration)]
    configuration = directory / "mosquitto.conf"
    configuration.write_text(mosquitto_configuration(port, root=os.geteuid() == 0), encoding="utf-8")
    return [find_mosquitto() or "mosquitto", "-c", str(configuration)]


def mosquitto_configuration(port: int, *, root: bool) -> str:
    """Write mosquitto's configuration; the same bounds as deploy/mosquitto/mosquitto.conf, but on this machine only."""
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous true",
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
    ]
    if root:  # a change of user would undo the guard against outliving the parent
        lines.append("user root")
    return "".join(f"{line}\n" for line in lines)


def amqtt_configuration(port: int) -> dict[str, object]:
    """Build amqtt's configuration."""
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }

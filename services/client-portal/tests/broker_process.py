"""A real MQTT broker as a process of its own, on a free port, for one test module."""

import signal
import socket
import subprocess
from pathlib import Path

from quitanda_local import broker, ports
from quitanda_local.topology import BrokerKind
from quitanda_testing.blocking_wait import block_until

START_SECONDS = 15.0


class BrokerProcess:
    """Starts, kills and restarts the broker on the same port."""

    def __init__(self, kind: BrokerKind, directory: Path) -> None:
        self.kind = kind
        self.port = ports.free_ports(1)[0]
        self._command = broker.prepare(kind, self.port, directory)
        self._log = directory / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker, and return when it accepts connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        block_until(self._accepts, "the broker to accept connections", START_SECONDS, self._log.read_text)

    def freeze(self) -> None:
        """Keep the broker's connections open and let it answer nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_SECONDS)
            self._process = None

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS).close()
        except OSError:
            return False
        return True

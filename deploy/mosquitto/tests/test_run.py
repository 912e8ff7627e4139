"""`run.sh` runs the broker of the containers: a renewed certificate is shown without anybody who tells Mosquitto."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_local.broker import find_mosquitto, secure_mosquitto_configuration
from quitanda_local.ports import free_ports
from quitanda_testing.blocking_wait import block_until
from quitanda_testing.identity_folders import CertificateAuthority, write_file, write_identity

SCRIPT = Path(__file__).parents[1] / "run.sh"
DEADLINE = 15.0
TEN_LOOKS_SECONDS = 1.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"),
]


class RunBroker:
    """Mosquitto as `run.sh` runs it, and whoever looks at it."""

    def __init__(self, folder):
        self.authority = CertificateAuthority()
        self.folder = write_identity(folder / "broker", "broker", self.authority)
        write_file(self.folder / IdentityFile.CLIENTS_CA, self.authority.pem)
        write_file(self.folder / IdentityFile.ACL, b"")
        self._observer = LinkIdentity(write_identity(folder / "portal", "portal/admin-portal-1", self.authority))
        (self._port,) = free_ports(1)
        root = os.geteuid() == 0
        configuration = secure_mosquitto_configuration(self._port, IdentityFolder(self.folder), root=root)
        (folder / "mosquitto.conf").write_text(configuration)
        path = f"{os.environ['PATH']}:{Path(find_mosquitto()).parent}"
        command = [shutil.which("sh"), SCRIPT, folder / "mosquitto.conf", self.folder, "0.1"]
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, env={**os.environ, "PATH": path}, stderr=log)

    def shown(self):
        """Give the certificate that the broker shows, or None where it does not listen yet."""
        context = self._observer.current().client_context
        try:
            with (
                socket.create_connection(("127.0.0.1", self._port), 5) as connection,
                context.wrap_socket(connection, server_hostname="localhost") as secured,
            ):
                return secured.getpeercert(binary_form=True)
        except OSError:
            return None

    def said(self):
        return self._log.read_text()

    def renew(self):
        """Replace the certificate, and give it."""
        write_file(self.folder / IdentityFile.PROCESS, self.authority.issue("broker"))
        return self.in_folder()

    def in_folder(self):
        return ssl.PEM_cert_to_DER_cert(IdentityFolder(self.folder).process().certificates.decode())


@pytest.fixture
def broker(tmp_path):
    broker = RunBroker(tmp_path)
    yield broker
    broker.process.kill()
    broker.process.wait(DEADLINE)


def test_a_renewed_certificate_is_shown_though_nobody_sends_a_signal_and_the_process_stays(broker):
    block_until(lambda: broker.shown() == broker.in_folder(), "its certificate to be shown", DEADLINE)
    number = broker.process.pid

    for _ in range(2):
        renewed = broker.renew()
        block_until(lambda renewed=renewed: broker.shown() == renewed, "the renewed one to be shown", DEADLINE)

    assert psutil.Process(number).name() == "mosquitto"
    assert broker.said().count("reads it again") == 2


def test_it_ends_as_mosquitto_ends_and_leaves_nothing_behind(broker):
    block_until(broker.shown, "a certificate to be shown", DEADLINE)
    others = psutil.Process(broker.process.pid).children(recursive=True)

    broker.process.terminate()

    assert broker.process.wait(DEADLINE) == 0
    assert others
    block_until(
        lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in others),
        "the others to end",
        DEADLINE,
    )


def test_while_nothing_changes_mosquitto_is_left_alone(broker):
    block_until(broker.shown, "a certificate to be shown", DEADLINE)
    looked = time.monotonic() + TEN_LOOKS_SECONDS
    block_until(lambda: time.monotonic() > looked, "ten looks", DEADLINE)

    assert "reads it again" not in broker.said()

"""A secure broker for one test, and its users: standard MQTT clients (paho) that do as they like."""

import secrets
import ssl
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda.mqtt.access_rules import ADMIN_PORTAL, CLIENT_PORTAL, REPLICA, AccessRules
from quitanda_local import broker
from quitanda_local.ports import free_ports
from quitanda_testing.blocking_wait import block_until
from quitanda_testing.identity_folders import CLIENT, SERVER, CertificateAuthority, write_file

DEADLINE = 10.0
START_SECONDS = 60.0
"""A broker in Python starts slowly on a busy machine."""
ROLES = {
    "replica/replica1": REPLICA,
    "portal/admin-portal-1": ADMIN_PORTAL,
    "portal/client-portal-1": CLIENT_PORTAL,
    "portal/client-portal-2": CLIENT_PORTAL,
}


class SecureBroker:
    """A broker with identities, as a process; `processes` and `customers` sign certificates for its users."""

    def __init__(self, directory: Path, kind) -> None:
        self.kind = kind
        self.port = free_ports(1)[0]
        self.processes = CertificateAuthority("processes")
        self.customers = CertificateAuthority("customers")
        self.folder = IdentityFolder(directory / "identity")
        self._directory = directory
        self.folder.path.mkdir(mode=0o700)
        self._write(IdentityFile.CA, self.processes.pem)
        self._write(IdentityFile.CLIENTS_CA, self.processes.pem + self.customers.pem)
        self._write(IdentityFile.ACL, AccessRules(ROLES).mosquitto_acl().encode())
        self._write(IdentityFile.PROCESS, self.processes.issue("broker", usages=SERVER))

    @contextmanager
    def running(self, command=None):
        """Run the broker by the command, or as a local run does."""
        command = command or broker.prepare(self.kind, self.port, self._directory, self.folder)
        with (self._directory / "broker.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            block_until(self._greets, "the broker to serve", START_SECONDS)
            yield self
            assert process.poll() is None, "the broker ended: " + (self._directory / "broker.log").read_text()
        finally:
            process.kill()
            process.wait(DEADLINE)

    def process(self, name: str, **options) -> "MqttUser":
        """Connect as a process of the cluster."""
        return self.user(self.processes.issue(name), **options)

    def customer(self, name: str, **options) -> "MqttUser":
        """Connect as a customer."""
        return self.user(self.customers.issue(name, usages=CLIENT), **options)

    def user(self, key_and_certificate: bytes | None, **options) -> "MqttUser":
        """Connect with a certificate, whatever it is; None: without any."""
        context = ssl.create_default_context(cafile=str(self.folder.file(IdentityFile.CA)))
        if key_and_certificate is not None:
            file = self._directory / f"{secrets.token_hex(8)}.pem"
            write_file(file, key_and_certificate)
            context.load_cert_chain(file)
        return MqttUser(self.port, context, **options)

    def _write(self, name: IdentityFile, content: bytes) -> None:
        write_file(self.folder.file(name), content)

    def _greets(self) -> bool:
        try:
            with self.process("portal/client-portal-1", version=MQTTv311) as portal:
                return portal.connected
        except OSError:
            return False


class MqttUser:
    """One connection; a context manager that connects and disconnects. MQTT 5 unless another version is asked for."""

    def __init__(self, port, context, *, client_id="", version=MQTTv5, will=None, keepalive=60):
        self.inbox = []
        """What arrived: (topic, payload)."""
        self.refusal = ""
        self.connected = False
        self.losses = 0
        self._answers = threading.Condition()
        self._acknowledged = {}
        self._port, self._keepalive = port, keepalive
        clean = {} if version == MQTTv5 else {"clean_session": True}
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=version, reconnect_on_failure=False, **clean
        )
        if context is not None:
            self._client.tls_set_context(context)
        if will is not None:
            topic, payload, retain = will
            self._client.will_set(topic, payload, qos=1, retain=retain)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = lambda _client, _data, message: self._arrived(message)
        self._client.on_subscribe = lambda _client, _data, number, codes, _properties: self._acknowledge(number, codes)
        self._client.on_publish = lambda _client, _data, number, code, _properties: self._acknowledge(number, [code])

    def __enter__(self):
        """Connect; `connected` and `refusal` tell what came of it. OSError where there is no broker or no TLS."""
        try:
            self._client.connect("localhost", self._port, keepalive=self._keepalive)
        except OSError:
            self._forget()
            raise
        self._client.loop_start()
        self._until(lambda: self.connected or self.refusal or self.losses, "an answer to the greeting")
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()
        self._forget()

    def _forget(self):
        """Break the circle of client and callbacks: the library closes its sockets when the client is released."""
        client = self._client
        client.on_connect = client.on_disconnect = client.on_message = client.on_subscribe = client.on_publish = None

    def vanish(self):
        """End the connection without a farewell, so that the broker publishes the will."""
        self._client.socket().shutdown(2)
        self._client.loop_stop()

    def subscribe(self, *filters):
        """Subscribe, and give the codes of the broker's answer."""
        _, number = self._client.subscribe([(each, 1) for each in filters])
        return [code.value for code in self._answer_to(number)]

    def publish(self, topic, payload, *, retain=False, response_topic=None):
        """Publish with quality of service 1, and give the code of the broker's answer; None where it hung up."""
        properties = None
        if response_topic is not None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.ResponseTopic = response_topic
        message = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        try:
            return self._answer_to(message.mid)[0].value
        except ConnectionError:
            return None

    def wait_for(self, topic, payload):
        """Wait until the message has arrived."""
        self._until(lambda: (topic, payload) in self.inbox, f"{payload!r} on {topic}")

    def wait_for_any(self, topic):
        """Wait until a message has arrived on the topic, and give its payload."""
        self._until(lambda: any(each == topic for each, _ in self.inbox), f"a message on {topic}")
        return next(payload for each, payload in self.inbox if each == topic)

    def _answer_to(self, number):
        self._until(lambda: number in self._acknowledged or self.losses, "the broker's answer")
        if number not in self._acknowledged:
            raise ConnectionError("the broker hung up")
        return self._acknowledged.pop(number)

    def _until(self, condition, what):
        with self._answers:
            assert self._answers.wait_for(condition, DEADLINE), f"waited {DEADLINE} s for {what}"

    def _acknowledge(self, number, codes):
        with self._answers:
            self._acknowledged[number] = codes
            self._answers.notify_all()

    def _arrived(self, message):
        with self._answers:
            self.inbox.append((message.topic, message.payload))
            self._answers.notify_all()

    def _on_connect(self, _client, _data, _flags, code, _properties):
        with self._answers:
            self.connected, self.refusal = not code.is_failure, str(code) if code.is_failure else ""
            self._answers.notify_all()

    def _on_disconnect(self, _client, _data, _flags, _code, _properties):
        with self._answers:
            self.connected = False
            self.losses += 1
            self._answers.notify_all()


MQTT_3_1_1 = MQTTv311

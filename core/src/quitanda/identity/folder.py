"""A process's identity folder: the names of its files, and how each is read and checked.

`quitanda.identity.authority` writes these folders; the processes and the clients only read them. A file is read anew
at each call, so a process that asks again sees a renewed certificate without a restart. Whoever writes a file writes
it whole under another name and renames it, so a reader finds the old content or the new one.

The module imports only the standard library: health checks and clients read folders, and start often.
"""

import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NoReturn

FILE_BYTES_MAX: Final = 1 << 18
"""No file of an identity folder is nearly as large; a larger one is refused unread."""

CUSTOMER_SECRET_KEY_BYTES: Final = 32

OPEN_MODE: Final = "off"
"""The value of QUITANDA_IDENTITY that means: no identity folder."""


class IdentityFile(StrEnum):
    """The names of the files. Not every folder has every file: a folder has what its process needs."""

    CA = "ca.pem"
    """The trusted CA certificates of processes; two while the CA is being replaced."""
    PROCESS = "process.pem"
    """The process's private key (PKCS8) and its certificate chain, in one file: a renewal is one rename."""
    CLUSTER_SECRET = "cluster-secret"  # noqa: S105 - the name of a file
    """Shared by the replicas."""
    CLUSTER_SECRET_ACCEPTED = "cluster-secret-accepted"  # noqa: S105 - the name of a file
    """Another one that replicas may have; there only while the secret is being changed."""
    FEED_KEY = "feed-key"
    """Shared by the replicas and the portals."""
    REQUEST_GROUP = "request-group"
    """The name of the client portals' shared subscription; who knows it can take requests away from them."""
    CUSTOMER_SECRET_KEY = "customer-secret-key"  # noqa: S105 - the name of a file
    """Admin portals derive customers' first secrets from it."""
    WEB_SESSION_KEY = "web-session-key"
    """Shared by the processes of the page, which seal sessions with it."""
    FIRST_CREDENTIAL = "first-credential"
    """What replicas know of the first administrator's credential: no secret."""
    CREDENTIAL = "credential"
    """A client's token."""
    CUSTOMERS_CA = "customers-ca.pem"
    """The trusted CA certificates of customers. Replicas and portals never trust them as processes."""
    CUSTOMERS_CA_KEY = "customers-ca-key.pem"
    """Key and certificate of the customers' CA, in one file; client portals sign with it."""
    CLIENTS_CA = "clients-ca.pem"
    """Whom the broker's listener trusts: the content of CA and of CUSTOMERS_CA."""
    ACL = "acl"
    """Who may use which topics of the broker, as mosquitto reads it."""


_OTHERWISE: Final = (
    "make it with `python -m quitanda.identity create` (in containers: `docker compose run --rm identity create`), "
    "or copy the folder again from where the identities were made"
)
_NEXT_STEPS: Final[Mapping[str, str]] = {
    IdentityFile.PROCESS: (
        "make it anew with `python -m quitanda.identity renew` (in containers: `docker compose run --rm identity "
        "renew`), or copy the folder again from where the identities were made"
    ),
    IdentityFile.CREDENTIAL: (
        "put the token there, one line that begins with qt1_; the first administrator's is in the folder `clients` "
        "where the identities were made"
    ),
}


class IdentityError(Exception):
    """An identity folder is not usable. The text names the file, the problem and the next step."""

    def __init__(self, path: Path, problem: str, next_step: str) -> None:
        super().__init__(f"{path}: {problem}; next: {next_step}")
        self.path = path
        self.problem = problem
        self.next_step = next_step


@dataclass(frozen=True, slots=True)
class KeyAndCertificates:
    """What one of the files with a private key holds, as PEM texts."""

    private_key: bytes
    certificates: bytes
    """The certificate of the key first, then those that lead to its CA."""


@dataclass(frozen=True, slots=True)
class FirstCredential:
    """The first administrator's credential, as replicas create it; `secret_hash` is the hex SHA-256 of the secret."""

    credential_id: str
    role: str
    secret_hash: str


class IdentityFolder:
    """Reads the files of one folder. Every method raises IdentityError where its file is missing or not usable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Tell whether the folder has such a file; says nothing about its content."""
        return (self.path / name).is_file()

    def file(self, name: str) -> Path:
        """Give the path of a file, for libraries that read it themselves."""
        return self.path / name

    def certificates(self, name: str) -> bytes:
        """Give the PEM text of a file that holds certificates only."""
        blocks = self._pem_blocks(name)
        if any(label != "CERTIFICATE" for label, _ in blocks):
            self._refuse(name, "it has something other than certificates")
        return _joined(blocks)

    def key_and_certificates(self, name: str) -> KeyAndCertificates:
        """Give what a file holds that has one private key and its certificates."""
        blocks = self._pem_blocks(name)
        keys = [block for block in blocks if block[0] == "PRIVATE KEY"]
        certificates = [block for block in blocks if block[0] == "CERTIFICATE"]
        if len(keys) != 1:
            self._refuse(name, f"it has {len(keys) or 'no'} private keys (PKCS8, not encrypted) instead of one")
        if not certificates:
            self._refuse(name, "it has a private key but no certificate")
        if len(blocks) != len(keys) + len(certificates):
            self._refuse(name, "it has something other than a private key and certificates")
        return KeyAndCertificates(_joined(keys), _joined(certificates))

    def line(self, name: str) -> str:
        """Give the text of a file that holds one line."""
        line = self.text(name).strip()
        if not line:
            self._refuse(name, "it is empty")
        if not line.isprintable() or " " in line:
            self._refuse(name, "it is not one line of printable characters")
        return line

    def text(self, name: str) -> str:
        """Give the whole text of a file, with lines that end in a line feed."""
        try:
            with self.file(name).open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            self._refuse(name, f"it cannot be read ({error.strerror or error})")
        if len(content) > FILE_BYTES_MAX:
            self._refuse(name, f"it is longer than {FILE_BYTES_MAX} bytes")
        try:
            return content.decode().replace("\r\n", "\n")
        except UnicodeDecodeError:
            self._refuse(name, "it is not text (UTF-8)")

    def ca(self) -> bytes:
        """Give the PEM text of the trusted CA certificates of processes."""
        return self.certificates(IdentityFile.CA)

    def process(self) -> KeyAndCertificates:
        """Give this process's private key and certificates."""
        return self.key_and_certificates(IdentityFile.PROCESS)

    def customers_ca(self) -> bytes:
        """Give the PEM text of the trusted CA certificates of customers."""
        return self.certificates(IdentityFile.CUSTOMERS_CA)

    def customers_ca_key(self) -> KeyAndCertificates:
        """Give the key and the certificate that sign customers' certificates."""
        return self.key_and_certificates(IdentityFile.CUSTOMERS_CA_KEY)

    def clients_ca(self) -> bytes:
        """Give the PEM text of all CA certificates that the broker trusts."""
        return self.certificates(IdentityFile.CLIENTS_CA)

    def cluster_secret(self) -> str:
        """Give the text of the replicas' secret."""
        return self.line(IdentityFile.CLUSTER_SECRET)

    def cluster_secret_accepted(self) -> str:
        """Give the text of the other secret that replicas may have while theirs is being changed."""
        return self.line(IdentityFile.CLUSTER_SECRET_ACCEPTED)

    def feed_key(self) -> str:
        """Give the text of the feed's key."""
        return self.line(IdentityFile.FEED_KEY)

    def request_group(self) -> str:
        """Give the name of the client portals' shared subscription."""
        group = self.line(IdentityFile.REQUEST_GROUP)
        if not re.fullmatch(r"[A-Za-z0-9_-]+", group):
            self._refuse(IdentityFile.REQUEST_GROUP, "it has other characters than letters, digits, - and _")
        return group

    def customer_secret_key(self) -> bytes:
        """Give the key from which customers' first secrets are derived; CUSTOMER_SECRET_KEY_BYTES long."""
        text = self.line(IdentityFile.CUSTOMER_SECRET_KEY)
        if not re.fullmatch(rf"[0-9a-f]{{{2 * CUSTOMER_SECRET_KEY_BYTES}}}", text):
            self._refuse(
                IdentityFile.CUSTOMER_SECRET_KEY, f"it is not the hexadecimal text of {CUSTOMER_SECRET_KEY_BYTES} bytes"
            )
        return bytes.fromhex(text)

    def web_session_key(self) -> str:
        """Give the text of the key by which processes of the page seal sessions."""
        return self.line(IdentityFile.WEB_SESSION_KEY)

    def first_credential(self) -> FirstCredential:
        """Give what replicas know of the first administrator's credential."""
        try:
            fields = json.loads(self.text(IdentityFile.FIRST_CREDENTIAL))
        except ValueError:
            self._refuse(IdentityFile.FIRST_CREDENTIAL, "it is not JSON")
        names = tuple(FirstCredential.__dataclass_fields__)
        if not isinstance(fields, dict) or set(fields) != set(names):
            self._refuse(IdentityFile.FIRST_CREDENTIAL, f"it is not an object of the fields {', '.join(names)}")
        if not all(isinstance(value, str) and value for value in fields.values()):
            self._refuse(IdentityFile.FIRST_CREDENTIAL, "one of its fields is not a text, or is empty")
        if not re.fullmatch(r"[0-9a-f]{64}", fields["secret_hash"]):
            self._refuse(IdentityFile.FIRST_CREDENTIAL, "its secret_hash is not the hexadecimal text of a SHA-256")
        return FirstCredential(**fields)

    def credential(self) -> str:
        """Give a client's token; whether it is one, only a portal knows."""
        return self.line(IdentityFile.CREDENTIAL)

    def _pem_blocks(self, name: str) -> list[tuple[str, str]]:
        blocks = [(block[1], block[0]) for block in _PEM_BLOCK.finditer(self.text(name))]
        if not blocks:
            self._refuse(name, "it has no PEM text")
        for _, text in blocks:
            try:
                binascii.a2b_base64("".join(text.split("\n")[1:-1]), strict_mode=True)
            except ValueError:
                self._refuse(name, "its PEM text is damaged")
        return blocks

    def _refuse(self, name: str, problem: str) -> NoReturn:
        raise IdentityError(self.file(name), problem, _NEXT_STEPS.get(name, _OTHERWISE)) from None


_PEM_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n[^-]*\n-----END \1-----")


def _joined(blocks: Sequence[tuple[str, str]]) -> bytes:
    return "".join(f"{text}\n" for _, text in blocks).encode()

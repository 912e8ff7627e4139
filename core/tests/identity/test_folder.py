"""An identity folder is read whole and checked; what is wrong is told with its file and the next step."""

import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from quitanda.identity.folder import (
    FILE_BYTES_MAX,
    FirstCredential,
    IdentityError,
    IdentityFile,
    IdentityFolder,
)

READERS: dict[IdentityFile, Callable[[IdentityFolder], Any]] = {
    IdentityFile.CA: IdentityFolder.ca,
    IdentityFile.PROCESS: IdentityFolder.process,
    IdentityFile.CLUSTER_SECRET: IdentityFolder.cluster_secret,
    IdentityFile.CLUSTER_SECRET_ACCEPTED: IdentityFolder.cluster_secret_accepted,
    IdentityFile.FEED_KEY: IdentityFolder.feed_key,
    IdentityFile.REQUEST_GROUP: IdentityFolder.request_group,
    IdentityFile.CUSTOMER_SECRET_KEY: IdentityFolder.customer_secret_key,
    IdentityFile.WEB_SESSION_KEY: IdentityFolder.web_session_key,
    IdentityFile.FIRST_CREDENTIAL: IdentityFolder.first_credential,
    IdentityFile.CREDENTIAL: IdentityFolder.credential,
    IdentityFile.CUSTOMERS_CA: IdentityFolder.customers_ca,
    IdentityFile.CUSTOMERS_CA_KEY: IdentityFolder.customers_ca_key,
    IdentityFile.CLIENTS_CA: IdentityFolder.clients_ca,
}
CERTIFICATE_FILES = [IdentityFile.CA, IdentityFile.CUSTOMERS_CA, IdentityFile.CLIENTS_CA]
KEY_FILES = [IdentityFile.PROCESS, IdentityFile.CUSTOMERS_CA_KEY]
LINES = [
    IdentityFile.CLUSTER_SECRET,
    IdentityFile.CLUSTER_SECRET_ACCEPTED,
    IdentityFile.FEED_KEY,
    IdentityFile.REQUEST_GROUP,
    IdentityFile.WEB_SESSION_KEY,
    IdentityFile.CREDENTIAL,
]


def key_and_its_certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1)).sign(key, SHA256())
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.public_bytes(Encoding.PEM),
    )


@pytest.fixture(scope="module")
def key_and_certificate():
    return key_and_its_certificate()


@pytest.fixture
def folder(tmp_path):
    return IdentityFolder(tmp_path)


def refusal(folder, name, content=None):
    if content is not None:
        folder.file(name).write_bytes(content)
    with pytest.raises(IdentityError) as refused:
        READERS[name](folder)
    assert str(folder.file(name)) in str(refused.value)
    assert refused.value.next_step in str(refused.value)
    assert refused.value.next_step
    return refused.value.problem


def test_every_file_but_the_one_for_mosquitto_alone_has_a_reader():
    assert set(READERS) == set(IdentityFile) - {IdentityFile.ACL}


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_is_told(folder, name):
    assert "No such file" in refusal(folder, name)
    assert not folder.has(name)


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_cannot_be_read_is_told(folder, name):
    folder.file(name).mkdir()

    assert "Is a directory" in refusal(folder, name)


@pytest.mark.parametrize("name", READERS)
def test_a_missing_folder_is_told(tmp_path, name):
    assert "No such file" in refusal(IdentityFolder(tmp_path / "elsewhere"), name)


@pytest.mark.parametrize("name", READERS)
def test_an_empty_file_and_one_that_is_not_text_and_one_too_long_are_refused(folder, name):
    assert refusal(folder, name, b"")
    assert "not text" in refusal(folder, name, b"\xff\xfe")
    assert "longer" in refusal(folder, name, b"x" * (FILE_BYTES_MAX + 1))


@pytest.mark.parametrize("name", CERTIFICATE_FILES)
def test_trusted_certificates_are_given_one_or_two(folder, name, key_and_certificate):
    two = key_and_certificate[1] + key_and_its_certificate()[1]
    folder.file(name).write_bytes(two)

    assert READERS[name](folder) == two
    ssl.create_default_context(cadata=READERS[name](folder).decode())


@pytest.mark.parametrize("name", CERTIFICATE_FILES)
def test_a_private_key_among_trusted_certificates_is_refused(folder, name, key_and_certificate):
    assert "other than certificates" in refusal(folder, name, b"".join(key_and_certificate))


@pytest.mark.parametrize("name", [*CERTIFICATE_FILES, *KEY_FILES])
def test_a_damaged_certificate_is_refused(folder, name, key_and_certificate):
    key, certificate = key_and_certificate
    text = key + certificate if name in KEY_FILES else certificate

    assert "damaged" in refusal(folder, name, text.replace(b"M", b"?"))
    assert refusal(folder, name, text[: len(text) // 2])


@pytest.mark.parametrize("name", KEY_FILES)
def test_the_key_and_its_certificates_are_told_apart(folder, name, key_and_certificate):
    key, certificate = key_and_certificate
    folder.file(name).write_bytes(key + certificate)

    both = READERS[name](folder)

    assert (both.private_key, both.certificates) == (key, certificate)


@pytest.mark.parametrize("name", KEY_FILES)
def test_a_key_without_its_certificate_and_a_certificate_without_its_key_are_told(folder, name, key_and_certificate):
    key, certificate = key_and_certificate

    assert "no certificate" in refusal(folder, name, key)
    assert "no private key" in refusal(folder, name, certificate)
    assert "2 private keys" in refusal(folder, name, key + key + certificate)
    assert "other than" in refusal(
        folder, name, key + certificate + b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
    )


@pytest.mark.parametrize("name", LINES)
def test_a_text_is_given_without_the_end_of_its_line(folder, name):
    folder.file(name).write_text("a-text-of-one-line\r\n")

    assert READERS[name](folder) == "a-text-of-one-line"


@pytest.mark.parametrize("name", LINES)
def test_two_lines_are_no_secret(folder, name):
    assert "one line" in refusal(folder, name, b"one\ntwo\n")


@pytest.mark.parametrize("group", ["a/b", "a+", "#", "ação"])
def test_a_group_that_is_no_level_of_a_topic_is_refused(folder, group):
    assert "characters" in refusal(folder, IdentityFile.REQUEST_GROUP, group.encode())


def test_the_key_of_customers_secrets_is_32_bytes_in_hexadecimal(folder):
    folder.file(IdentityFile.CUSTOMER_SECRET_KEY).write_text("0f" * 32 + "\n")

    assert folder.customer_secret_key() == bytes([15]) * 32
    assert "32 bytes" in refusal(folder, IdentityFile.CUSTOMER_SECRET_KEY, b"0f" * 31)


FIRST = {"credential_id": "abcdefghijkl", "role": "admin", "secret_hash": "0" * 64}


def test_the_first_credential_is_read(folder):
    folder.file(IdentityFile.FIRST_CREDENTIAL).write_text(json.dumps(FIRST))

    assert folder.first_credential() == FirstCredential("abcdefghijkl", "admin", "0" * 64)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        FIRST | {"secret": "qt1_"},
        {"role": "admin"},
        FIRST | {"role": 1},
        FIRST | {"role": ""},
        FIRST | {"secret_hash": "0"},
    ],
)
def test_a_first_credential_of_another_form_is_refused(folder, wrong):
    assert refusal(folder, IdentityFile.FIRST_CREDENTIAL, json.dumps(wrong).encode())


def test_no_refusal_shows_what_the_file_holds(folder):
    secret = "a secret with spaces in it"

    for name, read in READERS.items():
        folder.file(name).write_text(secret)
        with pytest.raises(IdentityError) as refused:
            read(folder)
        assert secret not in str(refused.value)

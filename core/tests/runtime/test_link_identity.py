"""The certificates of links are read anew when their files change, and what cannot be used changes nothing."""

import itertools
import socket
import ssl
import threading

import pytest
import structlog
from structlog.testing import capture_logs

from quitanda.identity.folder import IdentityError
from quitanda.runtime.link_identity import LinkIdentity, judge_own
from quitanda.runtime.link_refusals import own_refusal
from quitanda.runtime.process_identity import open_identity
from quitanda_testing.identity_folders import HOUR, CertificateAuthority, write_file, write_identity

NAME = "replica/replica1"
KEY_END = b"-----END PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture
def folder(tmp_path, authority):
    return write_identity(tmp_path / "identity", NAME, authority)


def test_a_renewed_certificate_and_a_replaced_authority_count_from_the_next_question_on(folder, authority):
    identity = LinkIdentity(folder)
    first = identity.current()
    assert identity.current() is first

    write_file(folder / "process.pem", authority.issue(NAME))
    second = identity.current()
    assert second.own != first.own
    assert second.trusted == first.trusted

    write_file(folder / "ca.pem", authority.pem + CertificateAuthority().pem)
    third = identity.current()
    assert third.own == second.own
    assert third.trusted.count(b"BEGIN CERTIFICATE") == 2
    assert first.generation < second.generation < third.generation


def half(content):
    return content[: len(content) // 2]


def key_of_another(content):
    return CertificateAuthority().issue(NAME).partition(KEY_END)[0] + KEY_END + content.partition(KEY_END)[2]


@pytest.mark.parametrize("file", ["ca.pem", "process.pem"])
@pytest.mark.parametrize("break_content", [half, lambda _: b"", lambda _: b"nonsense\n", None])
def test_a_file_that_cannot_be_used_is_logged_and_what_was_there_before_stays(folder, authority, file, break_content):
    with capture_logs() as logs:
        identity = LinkIdentity(folder, structlog.get_logger())
        kept = identity.current()
        if break_content is None and file == "ca.pem":
            (folder / file).unlink()
        else:
            write_file(folder / file, (break_content or key_of_another)((folder / file).read_bytes()))

        assert identity.current() is kept
        assert identity.current() is kept

        write_file(folder / "ca.pem", authority.pem)
        write_file(folder / "process.pem", authority.issue(NAME))
        assert identity.current().generation > kept.generation

    assert [log["event"] for log in logs if log["log_level"] == "error"][:1] == ["identity_refused"]
    assert str(folder / file) in logs[0]["error"]
    assert logs[-1]["event"] == "identity_renewed"
    assert logs[-1]["problem"] == ""


def test_a_folder_is_opened_also_in_the_moment_in_which_its_certificate_is_renewed(folder, authority):
    """The TLS library reads the file twice: a key and a certificate of two times would not fit."""
    renewals = [authority.issue(NAME) for _ in range(20)]
    ending = threading.Event()

    def renew():
        for content in itertools.cycle(renewals):
            write_file(folder / "process.pem", content)
            if ending.wait(0.005):
                return

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        assert all(LinkIdentity(folder).current().own is not None for _ in range(100))
    finally:
        ending.set()
        renewing.join()


@pytest.mark.parametrize("file", ["ca.pem", "process.pem"])
def test_a_folder_that_cannot_be_used_at_the_start_is_refused(folder, file):
    (folder / file).write_bytes(half((folder / file).read_bytes()))

    with pytest.raises(IdentityError, match=file):
        LinkIdentity(folder)


def test_a_key_that_does_not_fit_its_certificate_is_refused(folder):
    write_file(folder / "process.pem", key_of_another((folder / "process.pem").read_bytes()))

    with pytest.raises(IdentityError, match=r"process\.pem.*KEY_VALUES_MISMATCH"):
        LinkIdentity(folder)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"begins": -2 * HOUR, "ends": -HOUR}, "this process's own certificate has expired (the clock here says "),
        ({"begins": HOUR, "ends": 2 * HOUR}, "this process's own certificate is not valid yet (the clock here says "),
        ({"self_signed": True}, "this process's own certificate is signed by itself"),
    ],
)
def test_an_own_certificate_that_others_refuse_is_told_with_a_next_step_and_the_process_starts(
    folder, authority, given, said
):
    write_file(folder / "process.pem", authority.issue(NAME, **given))

    with capture_logs() as logs:
        identity = open_identity(folder, NAME)

    assert [log["event"] for log in logs] == ["certificate_refused"]
    assert logs[0]["reason"].startswith(said)
    assert "quitanda.identity" in logs[0]["reason"]

    write_file(folder / "process.pem", authority.issue(NAME))
    assert own_refusal(identity) == ""


def test_an_own_certificate_of_another_authority_is_told(folder):
    write_file(folder / "process.pem", CertificateAuthority("Another").issue(NAME))

    assert "of an authority that is not in ca.pem" in own_refusal(LinkIdentity(folder))


def test_a_folder_of_another_process_is_refused(folder):
    with pytest.raises(IdentityError, match="of 'replica/replica1', and this process is 'replica/replica2'"):
        open_identity(folder, "replica/replica2")
    with capture_logs() as logs:
        assert judge_own(open_identity(folder, NAME).current()).common_name == NAME
    assert logs == []


def test_a_customers_certificate_is_judged_by_the_customers_authority(folder):
    customers = CertificateAuthority("Customers")
    (folder / "customers-ca.pem").write_bytes(customers.pem)
    write_file(folder / "process.pem", customers.issue("ana"))

    assert judge_own(LinkIdentity(folder).current()).common_name == "ana"


def test_a_client_needs_no_certificate_of_its_own(folder):
    (folder / "process.pem").unlink()

    certificates = LinkIdentity(folder).current()

    assert certificates.own is None
    assert judge_own(certificates).problem == ""


def test_a_socket_whose_handshake_fails_is_closed_though_its_user_forgets_it(folder):
    """Paho-mqtt makes the socket first, asks for the handshake later, and lets go of the socket where that fails."""
    context = LinkIdentity(folder).current().client_context
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as plain:
        forgotten = context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)
        server.accept()[0].close()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            forgotten.do_handshake()

    assert forgotten.fileno() == -1

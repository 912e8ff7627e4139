"""One POST to a receiver that may be anything: slow, silent, redirecting, private, or somebody else."""

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from quitanda_admin_portal.webhooks.https_post import HttpsPost, PostFailed, PostOptions, is_public, resolve

OPEN = PostOptions(timeout_seconds=5.0, private_addresses=True, plain_http=True)
BODY = b'{"event":"order_placed"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Receiver:
    """A server that answers each request with some bytes; `requests` are what it got."""

    def __init__(self, answer, *, tls=None):
        self.requests = []
        self._answer = answer
        self._tls = tls
        self._served = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        scheme = "http" if self._tls is None else "https"
        self.url = f"{scheme}://localhost:{self._server.sockets[0].getsockname()[1]}/hook?a=b"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        if self._served:
            await asyncio.wait(self._served, timeout=10.0)

    async def _serve(self, reader, writer):
        self._served.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head + await reader.readexactly(len(BODY)))
            await self._answer(reader, writer)
        writer.transport.abort()


def says(data):
    async def answer(_, writer):
        writer.write(data)
        await writer.drain()

    return answer


async def is_silent(reader, _):
    await reader.read()


async def closes(_, writer):
    writer.transport.abort()


async def trickles(reader, writer):
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000:
        writer.write(bytes([byte]))
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await reader.read(1)


async def sends_without_end(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
    for _ in range(160):
        writer.write(b"x" * 65_536)
        await writer.drain()


async def informs_without_end(_, writer):
    for _ in range(10_000):
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)
        await writer.drain()


class Hosts:
    """Gives a host the addresses in `addresses`, and keeps which hosts it was asked for."""

    def __init__(self, *addresses):
        self.addresses = addresses
        self.asked = []

    async def __call__(self, host, port):
        assert port > 0
        self.asked.append(host)
        return self.addresses


async def posted(receiver, options=OPEN, roots=None, resolver=resolve):
    """Send a message; give why it failed, or "" where it did not."""
    post = HttpsPost(roots or ssl.create_default_context(), options, resolver)
    try:
        await post.post(receiver.url, [("webhook-id", "1")], BODY)
    except PostFailed as error:
        return str(error)
    return ""


async def test_a_message_arrives_with_its_headers_and_the_name_of_the_host():
    async with Receiver(says(OK)) as receiver:
        assert await posted(receiver) == ""

    (request,) = receiver.requests
    assert request.startswith(b"POST /hook?a=b HTTP/1.1\r\nHost: localhost:")
    assert b"webhook-id: 1\r\n" in request
    assert request.endswith(b"\r\n\r\n" + BODY)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (says(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"), "answered with 500"),
        (says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "answered with 404"),
        (says(b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\n\r\n"), "answered with 302; redirects are not"),
        (says(b"no HTTP at all\r\n\r\n"), "the connection failed"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000), "the connection failed"),
        (closes, "the connection failed"),
        (says(b""), "it was closed before an answer came"),
    ],
)
async def test_every_answer_but_success_is_a_failure_that_says_why(answer, problem):
    async with Receiver(answer) as receiver:
        assert problem in await posted(receiver)

    assert len(receiver.requests) == 1


@pytest.mark.parametrize("answer", [is_silent, trickles])
async def test_a_receiver_that_takes_its_time_is_given_up(answer):
    async with Receiver(answer) as receiver:
        assert await posted(receiver, PostOptions(0.3, True, True)) == "no answer within 0.3 s"


async def test_of_an_endless_answer_only_the_beginning_is_read():
    async with Receiver(sends_without_end) as receiver:
        assert await posted(receiver) == ""


async def test_informational_answers_without_end_are_given_up():
    async with Receiver(informs_without_end) as receiver:
        assert "the head of the answer is too long" in await posted(receiver)


async def test_a_host_of_which_one_address_is_private_is_refused_before_anything_is_sent():
    async with Receiver(says(OK)) as receiver:
        for addresses in (("8.8.8.8", "127.0.0.1"), ("127.0.0.1", "8.8.8.8")):
            problem = await posted(receiver, PostOptions(5.0, plain_http=True), resolver=Hosts(*addresses))
            assert "private address" in problem

    assert receiver.requests == []


async def test_the_connection_goes_to_an_address_that_was_looked_at_and_the_host_is_asked_for_once():
    hosts = Hosts("127.0.0.1")
    async with Receiver(says(OK)) as receiver:
        receiver.url = receiver.url.replace("localhost", "receiver.invalid")
        assert await posted(receiver, resolver=hosts) == ""

    assert hosts.asked == ["receiver.invalid"]
    assert b"\r\nHost: receiver.invalid:" in receiver.requests[0]


async def test_an_informational_answer_is_not_the_answer():
    async with Receiver(says(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)) as receiver:
        assert await posted(receiver) == ""


async def test_a_private_address_is_refused_before_anything_is_sent():
    async with Receiver(says(OK)) as receiver:
        problem = await posted(receiver, PostOptions(5.0, plain_http=True))
        assert problem == "the host has a private address, and QUITANDA_WEBHOOK_PRIVATE_ADDRESSES is not set to true"

    assert receiver.requests == []


async def test_plain_http_is_refused_unless_it_is_allowed():
    async with Receiver(says(OK)) as receiver:
        problem = await posted(receiver, PostOptions(5.0, private_addresses=True))
        assert problem == "the address begins with http://, and QUITANDA_WEBHOOK_PLAIN_HTTP is not set to true"

    assert receiver.requests == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with Receiver(says(OK)) as receiver:
        assert await posted(receiver) == ""


def certificate(folder, host):
    """Make a certificate that is its own root; give the context of a server that shows it, and who believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "receiver.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    roots = ssl.create_default_context()
    roots.load_verify_locations(file)
    return server, roots


@pytest.mark.parametrize(
    ("host", "believed", "problem"),
    [
        ("localhost", True, ""),
        ("localhost", False, "wrong certificate"),
        ("other.example", True, "wrong certificate"),
    ],
)
async def test_only_a_certificate_of_the_host_from_a_known_authority_is_believed(tmp_path, host, believed, problem):
    server, roots = certificate(tmp_path, host)
    async with Receiver(says(OK), tls=server) as receiver:
        told = await posted(receiver, PostOptions(5.0, private_addresses=True), roots if believed else None)

    assert told.startswith(problem)
    assert bool(told) == bool(problem)
    assert len(receiver.requests) == (not problem)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.168.0.1", False),
        ("172.16.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
        ("2001:0:53aa:64c::1", False),
        ("2001:db8::1", False),
    ],
)
def test_an_address_is_public_only_if_it_is_so_in_whatever_form_it_is_written(address, public):
    assert is_public(ip_address(address)) is public

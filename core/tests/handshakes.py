"""TLS handshakes between two identity folders, in memory: what OpenSSL accepts, as strictly as Python can ask it to."""

import ssl

from quitanda.identity.folder import IdentityFile


def server_of(folder, *, trusted=IdentityFile.CA, demands_certificate=True):
    context = strict(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.load_cert_chain(folder.file(IdentityFile.PROCESS))
    if demands_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder.file(trusted))
    return context


def client_of(folder, *, shows_certificate=True):
    context = strict(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.load_verify_locations(folder.file(IdentityFile.CA))
    if shows_certificate:
        context.load_cert_chain(folder.file(IdentityFile.PROCESS))
    return context


def strict(context):
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def common_name_seen(server, client, host):
    """Shake hands; return the common name that the server saw, or None. ssl.SSLError where either refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    at_server = server.wrap_bio(to_server, to_client, server_side=True)
    at_client = client.wrap_bio(to_client, to_server, server_hostname=host)
    waiting = [at_client, at_server]
    for _ in range(20):
        for side in tuple(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    assert waiting == []
    shown = at_server.getpeercert()
    if not shown:
        return None
    return next(value for part in shown["subject"] for name, value in part if name == "commonName")

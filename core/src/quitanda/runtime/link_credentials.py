"""The certificates of a `LinkIdentity` as gRPC takes them; apart from it, because MQTT needs nothing of gRPC."""

from typing import Any

import grpc

from quitanda.runtime.link_identity import LinkCertificates, LinkIdentity


def server_credentials(identity: LinkIdentity, *, client_certificates: bool) -> grpc.ServerCredentials:
    """Give the credentials of a gRPC port, which ask for the certificates at each handshake.

    With `client_certificates` only callers are taken that have a certificate of a CA in `ca.pem`.
    """
    first = identity.current()
    return grpc.dynamic_ssl_server_credentials(
        _configuration(first), _fetcher(identity, first.generation), client_certificates
    )


def channel_credentials(certificates: LinkCertificates) -> grpc.ChannelCredentials:
    """Give the credentials of a gRPC channel, which stay what they are: the library cannot exchange them."""
    own = certificates.own
    if own is None:
        return grpc.ssl_channel_credentials(certificates.trusted)
    return grpc.ssl_channel_credentials(certificates.trusted, own.private_key, own.certificates)


def _fetcher(identity: LinkIdentity, generation: int) -> Any:
    """Give what the library calls at each handshake; None means to it: as before (its types do not know that)."""
    used = generation

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal used
        certificates = identity.current()
        if certificates.generation == used:
            return None
        used = certificates.generation
        return _configuration(certificates)

    return fetch


def _configuration(certificates: LinkCertificates) -> grpc.ServerCertificateConfiguration:
    if certificates.own is None:
        raise ValueError("a server needs a certificate")
    pair = (certificates.own.private_key, certificates.own.certificates)
    return grpc.ssl_server_certificate_configuration([pair], certificates.trusted)

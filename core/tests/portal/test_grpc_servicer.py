"""The services are made from the tables, whole."""

from pathlib import Path

import pytest

from quitanda.compat.methods import ADMIN_METHODS, ADMIN_SERVICE, ORDER_METHODS, ORDER_SERVICE
from quitanda.identity.folder import IdentityFolder
from quitanda.operations import PortalKind, operations_of
from quitanda.portal.certificate_issuer import CertificateIssuer
from quitanda.portal.cluster_admin import ClusterAdmin
from quitanda.portal.compat_servicer import CompatServicer
from quitanda.portal.failure_limits import FailureLimiter
from quitanda.portal.grpc_servicer import GrpcServicer
from quitanda.portal.ids import IdGenerator
from quitanda.portal.passwords import PasswordKeeper
from quitanda.portal.webhook_admin import WebhookAdmin
from quitanda_testing.raw_grpc import NEED_AN_IDENTITY


class Server:
    """Takes the handlers that are added to it."""

    def __init__(self):
        self.methods = {}

    def add_generic_rpc_handlers(self, handlers):
        for handler in handlers:
            self.methods |= handler._method_handlers


@pytest.mark.parametrize("portal", list(PortalKind))
def test_every_method_of_a_portals_service_is_served_and_no_other(portal):
    server = Server()
    GrpcServicer(
        portal,
        None,
        IdGenerator(),
        5.0,
        ClusterAdmin(None),
        certificates=CertificateIssuer(IdentityFolder(Path()), None),
        webhook_admin=WebhookAdmin(None),
        passwords=PasswordKeeper(portal, None, None, FailureLimiter()),
    ).add_to(server)

    assert server.methods.keys() == {f"/{portal.service.full_name}/{each.name}" for each in portal.service.methods}
    for operation in operations_of(portal).values():
        handler = server.methods[operation.path]
        streams = operation.streams
        assert (handler.unary_stream is not None, handler.unary_unary is not None) == (streams, not streams)


@pytest.mark.parametrize("portal", list(PortalKind))
def test_a_portal_that_knows_nobody_has_no_operation_with_a_password_or_a_certificate(portal):
    server = Server()
    GrpcServicer(portal, None, IdGenerator(), 5.0, ClusterAdmin(None), webhook_admin=WebhookAdmin(None)).add_to(server)

    served = {path.rpartition("/")[2] for path in server.methods}
    assert served == {each.name for each in portal.service.methods} - NEED_AN_IDENTITY


def test_a_portal_with_operations_on_the_cluster_cannot_be_made_without_what_performs_them():
    with pytest.raises(AttributeError):
        GrpcServicer(PortalKind.ADMIN, None, IdGenerator(), 5.0)


@pytest.mark.parametrize(
    ("portal", "service", "methods"),
    [(PortalKind.ADMIN, ADMIN_SERVICE, ADMIN_METHODS), (PortalKind.CLIENT, ORDER_SERVICE, ORDER_METHODS)],
)
def test_every_method_of_the_courses_service_is_served_and_no_other(portal, service, methods):
    server = Server()
    CompatServicer(portal, None, IdGenerator(), 5.0).add_to(server)

    assert methods.keys() == {each.name for each in service.methods}
    assert server.methods.keys() == {f"/{service.full_name}/{name}" for name in methods}
    for each in service.methods:
        handler = server.methods[f"/{service.full_name}/{each.name}"]
        assert (handler.unary_stream is not None) == each.server_streaming

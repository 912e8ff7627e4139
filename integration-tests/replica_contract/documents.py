"""Requests, documents and credentials that the checks use."""

import json
from collections.abc import Mapping
from typing import Any

from quitanda.domain.commands import CREDENTIALS_LEVEL
from quitanda.identity.tokens import hash_secret, new_credential_id, new_secret
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import replica_pb2 as pb
from replica_contract.service import CALL_SECONDS, Service, expect, get


def fields(document: bytes) -> dict[str, Any]:
    """Read a document in its stored JSON form."""
    read: dict[str, Any] = json.loads(document)
    return read


def create_customer(service: Service, customer_id: str, name: str = "Ana") -> pb.Request:
    """Make a request with a new id."""
    return service.request(create_customer={"customer_id": customer_id, "name": name})


def create_product(service: Service, product_id: str, quantity: int = 10) -> pb.Request:
    """Make a request with a new id."""
    product = {"product_id": product_id, "name": "Caneta", "price": 250, "quantity": quantity}
    return service.request(create_product=product)


def create_order(
    service: Service,
    customer_id: str,
    items: Mapping[str, int],
    request_id: str | None = None,
    order_id: str | None = None,
) -> pb.Request:
    """Make a request of the customer, with a new order's id; `items` are quantities by product."""
    order = {
        "customer_id": customer_id,
        "order_id": order_id or service.new_id("order"),
        "created_at_ms": 1_700_000_000_000,
        "items": [{"product_id": product_id, "quantity": quantity} for product_id, quantity in items.items()],
    }
    return service.request(request_id, scope=customer_id, create_order=order)


def stock(service: Service, quantity: int) -> str:
    """Create a product with so many units; return its id."""
    product_id = service.new_id("product")
    service.done(create_product(service, product_id, quantity))
    return product_id


def quantity_of(service: Service, product_id: str) -> int:
    """Read how many units of a product are on hand."""
    (result,) = service.read(get(pb.DOCUMENT_KIND_PRODUCT, product_id)).results
    expect(result.HasField("document"), f"a product that was created is there: {result}")
    quantity: int = fields(result.document)["quantity"]
    return quantity


def raise_to_credentials(service: Service) -> None:
    """Raise the cluster to the level of credentials and histories, if it is below it."""
    if service.status(service.leader()).cluster_level < CREDENTIALS_LEVEL:
        raising = admin.RaiseLevelRequest(level=CREDENTIALS_LEVEL)
        service.stub(service.leader()).RaiseLevel(raising, timeout=CALL_SECONDS)


def new_credential(service: Service, role: str, customer_id: str | None = None) -> str:
    """Create a credential; return its id. The cluster is raised to the level of credentials, if it is below it."""
    raise_to_credentials(service)
    credential_id = new_credential_id()
    command = {"credential_id": credential_id, "role": role, "label": "contract", "secret_hash": new_hash()}
    owner = {} if customer_id is None else {"customer_id": customer_id}
    service.done(service.request(create_credential=command | owner))
    return credential_id


def new_hash() -> str:
    """Make the hash of a new secret."""
    return hash_secret(new_secret())


def by(credential_id: str, request: pb.Request, generation: int = 1) -> pb.Request:
    """Name the principal of a request."""
    request.principal.credential_id = credential_id
    request.principal.generation = generation
    return request

"""The course's messages about clients as commands and reads, and customers as those messages."""

from typing import Final

from quitanda.codec.queries import GetDocument
from quitanda.compat import custom_fields
from quitanda.compat.data import read_data, text, write_object
from quitanda.compat.ids import NOTHING, course_id, id_of_something
from quitanda.course.contract_pb2 import ID, Client
from quitanda.domain import refusals
from quitanda.domain.commands import CreateCustomer, DeleteCustomer, UpdateCustomer
from quitanda.domain.model import KNOWN_FIELDS, Customer, Kind
from quitanda.domain.outcomes import Refused

NOT_FOUND: Final = Client(CID=NOTHING, data=write_object([("CID", text(NOTHING))]))

_RESERVED: Final = KNOWN_FIELDS[Kind.CUSTOMER]
_OWN: Final = ("CID", "name")


def create(message: Client) -> CreateCustomer | Refused:
    """Read the request to register a client."""
    data = read_data(message.data)
    if isinstance(data, Refused):
        return data
    return data.finish(CreateCustomer(data.identity("CID", message.CID), data.text("name"), data.rest(_RESERVED)))


def update(message: Client) -> UpdateCustomer | GetDocument | Refused:
    """Read the request to change a client; where it names no change, the client is only looked for."""
    data = read_data(message.data)
    if isinstance(data, Refused):
        return data
    command = UpdateCustomer(data.identity("CID", message.CID), data.optional_text("name"), data.rest(_RESERVED))
    if command.name is None and not command.extra:
        return data.finish(GetDocument(Kind.CUSTOMER, command.customer_id))
    return data.finish(command)


def delete(message: ID) -> DeleteCustomer | Refused:
    """Read the request to delete a client, who must not have orders."""
    customer_id = id_of_something(message.ID)
    return refusals.customer_not_found(message.ID) if customer_id is None else DeleteCustomer(customer_id)


def customer_id(message: ID) -> str | None:
    """Read which client is to be seen; None where none can have such an id."""
    return id_of_something(message.ID)


def shown(customer: Customer) -> Client:
    """Write a customer."""
    cid = course_id(customer.customer_id)
    members = (
        ("CID", text(cid)),
        ("name", text(customer.name)),
        *custom_fields.shown(customer.extra, _RESERVED, _OWN),
    )
    return Client(CID=cid, data=write_object(members))

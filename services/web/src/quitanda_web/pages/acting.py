"""Staff act for a customer: they see the shop as she does, and order for her. Each history names them."""

from dataclasses import replace
from typing import Final

from starlette.responses import Response

from quitanda.domain.commands import CreateOrder
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of


async def act_for_customer(visit: Visit) -> Response:
    """Begin to act for a customer; what is done is asked for with the token of the one who acts."""
    visit.require(CreateOrder)
    customer_id = visit.parameter("customer_id")
    await visit.office.get_customer(customer_id)
    response = go("/products")
    visit.keep_session(response, replace(visit.signed_in, acting_for=customer_id))
    return response


async def act_for_nobody(visit: Visit) -> Response:
    """Be nobody but oneself again."""
    customer_id = visit.signed_in.acting_for
    response = go(path_of("office", "customers", customer_id) if customer_id else "/office/products")
    visit.keep_session(response, replace(visit.signed_in, acting_for=""))
    return response


async def show_refused(visit: Visit) -> Response:
    """Say why nobody is acted for."""
    return visit.render("error.html")


PAGES: Final = (
    WebPage(
        "acting",
        "",
        Who.STAFF,
        show_refused,
        (
            Action("act_for_customer", "/office/customers/{customer_id}/act", act_for_customer),
            Action("act_for_nobody", "/office/act/end", act_for_nobody),
        ),
    ),
)

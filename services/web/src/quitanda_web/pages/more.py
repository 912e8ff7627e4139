"""What staff need less often, by links."""

from typing import Final

from starlette.responses import Response

from quitanda.domain.commands import CreateCredential
from quitanda.domain.model import CallerRole
from quitanda_web.site import WebPage, Who
from quitanda_web.visit import Visit


async def show_more(visit: Visit) -> Response:
    """List what else there is for who is signed in."""
    return visit.render(
        "office_more.html", tokens=visit.may(CreateCredential), webhooks=visit.signed_in.role != CallerRole.CLERK
    )


PAGES: Final = (WebPage("office_more", "/office/more", Who.STAFF, show_more),)

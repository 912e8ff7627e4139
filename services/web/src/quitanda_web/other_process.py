"""What only one process of the page knows, where several are behind one address: a browser looks for that process.

Whatever spreads the requests gives one that comes over a new connection to another process, sooner or later. So a
process that does not know something of another one's sends the browser to the same address again.
"""

import re
import time
from typing import Final

from starlette.responses import Response

from quitanda_web.visit import Visit, address, path_asked

TRIES_MAX: Final = 15
"""So often a browser is sent on; browsers themselves give up after twenty times."""
LOOKING_SECONDS_MAX: Final = 60
"""What was tried longer ago does not count. The clocks of machines may differ by less."""
LOOKED: Final = "looked"
"""The field of an address that says when a browser was sent on first, and how often since."""
SEND_AGAIN: Final = 307
"""HTTP's status for: send the same to this address, a form as well."""

_WRITTEN: Final = re.compile(r"([0-9]{1,12})\.([0-9]{1,2})")


def look_elsewhere(visit: Visit) -> Response | None:
    """Send a browser on, with all that it sent; None where it has been sent on too often."""
    now = int(time.time())
    began, tries = now, 0
    if (found := _WRITTEN.fullmatch(visit.asked(LOOKED))) and abs(now - int(found[1])) < LOOKING_SECONDS_MAX:
        began, tries = int(found[1]), int(found[2])
    if tries >= TRIES_MAX:
        return None
    location = address(path_asked(visit.request), looked=f"{began}.{tries + 1}")
    # over the same connection it might reach this process again
    return Response(status_code=SEND_AGAIN, headers={"location": location, "connection": "close"})

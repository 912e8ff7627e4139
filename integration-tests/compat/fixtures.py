"""The fixture of the scenarios of the course's contract."""

import pytest

from compat.compat_portals import course_shop


@pytest.fixture
async def course(shop):
    """A shop of one's own at the course's endpoints of both portals of each kind."""
    async with course_shop(shop) as opened:
        yield opened

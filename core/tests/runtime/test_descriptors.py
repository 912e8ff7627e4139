"""How many descriptors a process allows itself, and how many of them a server's connections."""

import subprocess
import sys

import pytest

from quitanda.runtime.descriptors import connections_max

LIMITS = """
import resource
from quitanda.runtime.descriptors import connections_max, raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
raise_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], connections_max(10_000, 0.4))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "expected"), [(256, 1024, "1024 409"), (1024, 1024, "1024 409"), (512, 512, "512 204")]
)
def test_the_limit_is_raised_as_far_as_it_may_be_and_connections_get_their_share(soft, hard, expected):
    program = LIMITS.format(soft=soft, hard=hard)

    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert told.strip() == expected


def test_no_more_connections_than_are_wanted():
    assert connections_max(7, 1.0) == 7

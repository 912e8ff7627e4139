"""A replica is replaced, or comes back late, while the state is large; `make large-state` does it with a gigabyte."""

import pytest
from large_state.scenario import Outage, survive

pytestmark = pytest.mark.processes_only(reason="it measures the memory of processes")

STATE_MEGABYTES = 64
OWN_MEGABYTES_MAX = 200
"""Without the mapped tables, which come to the size of the state and which the kernel takes back."""
ELECTION_SECONDS = 0.5
"""The shortest election timeout: a leader whose round of Raft takes longer could lose its term."""


@pytest.mark.parametrize("outage", list(Outage))
async def test_a_replica_gets_a_large_state_in_bounded_memory_while_service_goes_on(tmp_path, outage):
    figures = await survive(tmp_path, STATE_MEGABYTES * 1_000_000, outage)

    assert figures.state_bytes >= STATE_MEGABYTES * 1_000_000
    assert {kind: calls.failed for kind, calls in figures.busy.items()} == {"writes": [], "reads": []}
    assert figures.same_leader
    assert figures.digests_equal
    assert max(each.anonymous for each in figures.footprints.values()) < OWN_MEGABYTES_MAX * 1_000_000
    others = [seconds for name, seconds in figures.longest_rounds.items() if name != figures.lost]
    assert max(others) < ELECTION_SECONDS

"""Everything is restarted, one process after the other, as for a new version; no client notices."""

import time

from quitanda_clients.connecting import Transport
from quitanda_clients.results import TIMEOUT_DEFAULT
from quitanda_clients.retry import ATTEMPT_SHARE
from quitanda_testing.workload.traffic import traffic

MOVED_ON_SECONDS = TIMEOUT_DEFAULT * ATTEMPT_SHARE + 2.0
"""The longest that a client over gRPC may wait for an answer: for a portal that goes, then for another one."""


async def test_no_call_fails_while_every_process_is_restarted_one_after_the_other(healthy_cluster):
    names = (
        *healthy_cluster.replicas,
        *healthy_cluster.admin_portals,
        *healthy_cluster.client_portals,
        healthy_cluster.broker,
    )
    before = {name: healthy_cluster.instance_id(name) for name in names}
    async with traffic(healthy_cluster) as busy:
        since = time.monotonic()
        for name in names:
            await healthy_cluster.restart(name)
            await busy.answers_in_all(10, timeout=10)
        await busy.goes_on()
        pause = busy.longest_pause(since, busy.over(Transport.GRPC))

        assert [name for name in names if healthy_cluster.instance_id(name) == before[name]] == []
        assert busy.unanswered == []
        assert pause < MOVED_ON_SECONDS
        assert await busy.violations() == ()

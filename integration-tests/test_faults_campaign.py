"""Processes are killed at random for a while, and started again at random; what clients were told must be true."""

import os
import random
import time

from quitanda.domain.commands import CreateOrder
from quitanda.domain.outcomes import Done
from quitanda_local.errors import DeadlineExceeded
from quitanda_testing.cluster.process_health import start_again
from quitanda_testing.workload.traffic import traffic

SEED = int(os.environ.get("QUITANDA_TEST_SEED", "20261123"))
"""Which campaign; a failure is played again with the same seed, though never quite the same."""

CAMPAIGN_SECONDS = 18.0
TIMEOUT = 2.0
LATE_SECONDS = 1.0
ANSWERS_BETWEEN = (5, 60)
PAUSE_SECONDS_MAX = 1.5
DEAD_MAX = 4


async def some_answers(busy, dice):
    """Wait until some more requests were answered, whoever asked; but not long: nobody may be able to answer."""
    try:
        await busy.answers_in_all(dice.randint(*ANSWERS_BETWEEN), timeout=PAUSE_SECONDS_MAX)
    except DeadlineExceeded:
        return


def was_placed(operation):
    return isinstance(operation.action, CreateOrder) and isinstance(operation.outcome, Done)


async def test_what_clients_were_told_is_true_after_processes_were_killed_at_random_for_a_while(healthy_cluster):
    dice = random.Random(SEED)
    told = []
    async with traffic(healthy_cluster, timeout=TIMEOUT, grpc=4, mqtt=3, clerks=2, seed=SEED) as busy:
        end = time.monotonic() + CAMPAIGN_SECONDS
        while time.monotonic() < end:
            alive = [name for name in healthy_cluster.everything if healthy_cluster.running(name)]
            dead = [name for name in healthy_cluster.everything if not healthy_cluster.running(name)]
            if not dead or (len(dead) < DEAD_MAX and dice.random() < 0.5):
                # Half of the time a replica: they hold what may not be lost.
                replicas = [name for name in alive if name in healthy_cluster.replicas]
                victim = dice.choice(replicas if replicas and dice.random() < 0.5 else alive)
                healthy_cluster.kill(victim)
                told.append(f"kill {victim}")
            else:
                lucky = dice.choice(dead)
                await healthy_cluster.restart(lucky, wait=False)
                told.append(f"start {lucky}")
            await some_answers(busy, dice)
        await start_again(
            healthy_cluster, *(name for name in healthy_cluster.everything if not healthy_cluster.running(name))
        )
        await busy.goes_on()
        violations = await busy.violations()

        assert violations == (), f"seed {SEED}: {', '.join(told)}"
        assert busy.overtime < LATE_SECONDS
        assert len(told) > 10
        assert {each.action.customer_id for each in busy.recorder.history if was_placed(each)} == set(busy.customers)
    await healthy_cluster.wait_until_replicas_agree()

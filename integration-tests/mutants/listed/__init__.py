"""The kept list, by what the mistake is in. What behaves like the right code in every way is not in it."""

from typing import Final

from mutants.listed import (
    answers,
    broker,
    committing,
    credentials,
    disks,
    elections,
    identity,
    learners,
    levels,
    links,
    logs,
    networks,
    order_states,
    reads,
    searches,
    service,
    snapshots,
    state,
    webhook_posts,
    webhooks,
)
from mutants.mutant import Mutant

ALL: Final[tuple[Mutant, ...]] = (
    *elections.MUTANTS,
    *committing.MUTANTS,
    *logs.MUTANTS,
    *answers.MUTANTS,
    *reads.MUTANTS,
    *snapshots.MUTANTS,
    *learners.MUTANTS,
    *identity.MUTANTS,
    *disks.MUTANTS,
    *state.MUTANTS,
    *levels.MUTANTS,
    *credentials.MUTANTS,
    *order_states.MUTANTS,
    *searches.MUTANTS,
    *webhooks.MUTANTS,
    *webhook_posts.MUTANTS,
    *links.MUTANTS,
    *broker.MUTANTS,
    *service.MUTANTS,
    *networks.MUTANTS,
)

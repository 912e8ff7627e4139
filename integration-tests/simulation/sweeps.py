"""Stories told again and again, each time with a crash, a stall, or an end, one step later."""

from collections.abc import Callable
from dataclasses import replace

from simulation.story import Story
from simulation.variants import HARDENED, Variant
from simulation.world import Report


def interrupted_installation(story: Story, steps: int) -> None:
    """A replica dies at a step of catching up by a snapshot."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 24)
    behind = story.others(leader)[0]
    story.isolate(behind)
    story.write_done(story.leader(story.others(behind)), 24)
    story[behind].crash(power=False)
    story[behind].start()
    story.join(behind, story.others(behind))
    story[behind].crash_in(steps)
    story.pass_time(2.0)
    story.start_again(behind)


def doubled_stream(story: Story, steps: int) -> None:
    """A follower gets the same entries in several streams, which end in the middle; then the leader is gone."""
    story.found()
    leader = story.leader()
    follower, bystander = story.others(leader)
    story.isolate(bystander)
    story.isolate(follower)
    story.write(leader, 24)
    story.pass_time(0.1)
    story.world.fabric.reset(leader, follower)
    story.pass_time(0.3)
    story.world.fabric.delays = replace(story.world.fabric.delays, network_mean=0.004)
    story.join(leader, follower)
    story.until(lambda: follower in story[leader].network.conversations)
    for _ in range(4):
        story.write(leader)
        story.pass_time(0.002)
    story.pass_time(0.0005 * steps)
    story.cut(leader, follower)
    story.pass_time(0.05)
    story[leader].crash(power=False)
    story.join(follower, bystander)
    story.pass_time(2.5)
    story.start_again(leader)


def dying_leader(story: Story, steps: int) -> None:
    """A leader dies at a step while it writes, cuts its log and answers."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 4)
    story[leader].crash_in(steps)
    for _ in range(6):
        story.write(leader, 3)
        story.pass_time(0.02)
    story.pass_time(1.0)
    story.start_again(leader)


def dying_follower(story: Story, steps: int) -> None:
    """A follower dies at a step while it votes and follows a new leader."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 4)
    follower = story.others(leader)[0]
    story[leader].crash(power=True)
    story[follower].crash_in(steps)
    story.write(follower, 6)
    story.pass_time(1.5)
    story.start_again(leader, follower)


def dying_founder(story: Story, steps: int) -> None:
    """A replica dies at a step of a cluster's first moments."""
    story.world.start()
    story[story.names[0]].crash_in(steps)
    story.write(story.names[1], 4)
    story.pass_time(1.5)
    story.start_again(story.names[0])


def returning_blank(story: Story, steps: int) -> None:
    """A replica whose disk was replaced dies at a step of coming back."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 20)
    lost = story.others(leader)[0]
    story.wipe(lost)
    story.write_done(story.leader(story.others(lost)), 20)
    story[lost].start(bootstrap=True)
    story[lost].crash_in(steps)
    story.pass_time(2.0)
    story.start_again(lost)


def stalled_blank(story: Story, looks: int) -> None:
    """A replica whose disk was replaced, and that one other cannot hear, stands still at a look at the clock."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 6)
    lost = story.others(leader)[0]
    story.wipe(lost)
    story[lost].start(bootstrap=True)
    story.until(lambda: len(story[lost].network.conversations) == len(story.names) - 1)
    story.cut(lost, leader)
    story.cut(leader, lost)
    story[lost].stall_in(looks, 1.2)
    story.pass_time(2.5)
    story.join(lost, leader)


def stalled_replica(story: Story, looks: int) -> None:
    """A follower that counts stands still at a look at the clock, while the leader hands over and writes go on."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 4)
    follower, other = story.others(leader)
    story[follower].stall_in(looks, 1.2)
    story[leader].hand_over(wanted=True, to=other)
    story.write(leader, 4)
    story.pass_time(1.5)
    story[leader].hand_over(wanted=False)
    story.write(other, 4)
    story.pass_time(0.5)


def forgotten_vote(story: Story, looks: int) -> None:
    """A replica has elected a leader that nobody hears, lost its disk, and stands still beside the old leader.

    Its next term is the one in which it has voted already, and the old leader would make it the second leader of it.
    """
    old, voter, new = story.forget_a_vote()
    story.until(lambda: story.last_index(voter) == story.last_index(old))
    story[voter].stall_in(looks, 1.2)
    story.pass_time(2.5)
    story.join(new, [old, voter])
    story.pass_time(0.5)


SWEEPS: dict[str, Callable[[Story, int], None]] = {
    "interrupted installation": interrupted_installation,
    "doubled stream": doubled_stream,
    "dying leader": dying_leader,
    "dying follower": dying_follower,
    "dying founder": dying_founder,
    "returning blank": returning_blank,
    "stalled blank": stalled_blank,
    "stalled replica": stalled_replica,
    "forgotten vote": forgotten_vote,
}
"""By name: the story, for three replicas; it takes the number of steps (writes and messages) until the crash.

Those of stalls take the number of looks at the clock until their replica stands still.
"""
OPTIONS = {"log_entries_max": 8, "message_bytes": 100}
STREAM_OPTIONS = {"log_entries_max": 500, "message_bytes": 40}


def sweep(name: str, steps: int, seed: int = 0, variant: Variant = HARDENED) -> Report:
    """Play one of SWEEPS, with a crash `steps` ahead. Raises Unplayable."""
    options = STREAM_OPTIONS if name == "doubled stream" else OPTIONS
    return Story(seed, variant, **options).play(lambda story: SWEEPS[name](story, steps))

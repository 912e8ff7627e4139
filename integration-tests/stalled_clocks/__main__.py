"""`python -m stalled_clocks --rounds 30 --seed 1`: progress, the figures; exit code 1 where a promise is not held."""

import asyncio
from functools import partial

import rounds_command
from stalled_clocks.campaign import EVERY, StalledClocksCampaign

parser = rounds_command.parser("stalled_clocks", 30)
parser.add_argument("--every", type=int, default=EVERY, help="one of so many looks at the clock takes long")
arguments = parser.parse_args()
rounds_command.main(
    arguments,
    partial(StalledClocksCampaign, every=arguments.every),
    lambda campaign, rounds, report: asyncio.run(campaign.run(rounds, report)),
    preloads="the stalling clock",
    settings=f", one of {arguments.every} looks at the clock takes long",
)

"""`python -m power_loss --rounds 50 --seed 1`: progress on the way, the figures at the end, exit code 1 for a loss."""

import rounds_command
from power_loss.campaign import PowerLossCampaign

rounds_command.main(
    rounds_command.parser("power_loss", 50).parse_args(),
    PowerLossCampaign,
    PowerLossCampaign.run,
    preloads="the recording layer",
)

"""The table of a run: one column for each size, medians of the rounds."""

import statistics
from collections.abc import Callable, Sequence
from typing import Final

from bench import cases
from bench.cases import Case
from bench.growth.measuring import Growth

MB: Final = 1e6

GrowthFigure = Callable[[Growth], float]


def calls(case: Case) -> GrowthFigure:
    """Give the calls a second of a case."""
    return lambda growth: growth.measured[case.name].calls_s


def processor(case: Case) -> GrowthFigure:
    """Give the processor time of a call, in milliseconds, over all processes of the system."""
    return lambda growth: growth.measured[case.name].system_ms


ROWS: Final[Sequence[tuple[str, str, GrowthFigure]]] = (
    ("order changes/s, 64 in flight", ".0f", calls(cases.DRAWN_CHANGES)),
    ("… processor time of one, all processes, ms", ".2f", processor(cases.DRAWN_CHANGES)),
    ("linearizable order reads/s, 64 in flight", ".0f", calls(cases.DRAWN_READS)),
    ("… processor time of one, all processes, ms", ".2f", processor(cases.DRAWN_READS)),
    ("own memory of the largest replica, MB", ".0f", lambda growth: of_replicas(growth.own_memory) / MB),
    ("… with mapped files, MB", ".0f", lambda growth: of_replicas(growth.resident_memory) / MB),
    ("disk of one replica, filled, MB", ".0f", lambda growth: growth.disk / MB),
    ("one replica starts again: it serves after, s", ".1f", lambda growth: growth.ready_s),
    ("… with so many seconds of a processor", ".1f", lambda growth: growth.ready_processor_s),
    ("… its state has been checked after, s", ".1f", lambda growth: growth.verified_s),
    ("all processes start: all are ready after, s", ".1f", lambda growth: growth.start_s),
    ("a replica with an empty disk has everything after, s", ".1f", lambda growth: growth.transfer_s),
)


def of_replicas(memory: dict[str, int]) -> int:
    """Give the largest figure among the replicas."""
    return max(size for name, size in memory.items() if name.startswith("replica"))


def table(measured: Sequence[Growth]) -> str:
    """Write the medians of each size, and the throughput of order changes as a share of the smallest size's."""
    by_size = {
        size: [each for each in measured if each.documents == size]
        for size in sorted({each.documents for each in measured})
    }
    lines = [
        "| products and orders | " + " | ".join(f"{size:,}" for size in by_size) + " |",
        "|---" * (len(by_size) + 1) + "|",
    ]
    for title, form, figure in ROWS:
        values = [statistics.median(found) if (found := known(rounds, figure)) else None for rounds in by_size.values()]
        lines.append(
            f"| {title} | " + " | ".join("" if value is None else format(value, form) for value in values) + " |"
        )
    rates = [statistics.median(known(rounds, calls(cases.DRAWN_CHANGES))) for rounds in by_size.values()]
    lines.append(
        "| order changes, ratio to the first | " + " | ".join(f"{rate / rates[0]:.2f}" for rate in rates) + " |"
    )
    return "\n".join(lines)


def known(rounds: Sequence[Growth], figure: GrowthFigure) -> list[float]:
    """Give the figure of each round in which it was measured."""
    return [value for each in rounds if (value := figure(each)) > 0]

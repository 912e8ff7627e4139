"""What a panel of the dashboard is, and the queries that many panels ask."""

from dataclasses import dataclass
from typing import Final

RATE: Final = "[$__rate_interval]"
"""Grafana makes this at least four times the interval between two scrapes."""


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and how its lines are named (`{{label}}` is the value of a label)."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph, or one table of what is so now; `unit` is one of Grafana's ids of units."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    description: str
    table: bool = False


def by_quantile(histogram: str, labels: str = "instance", selector: str = "") -> tuple[Query, ...]:
    """Give the median and the slowest one in a hundred of a histogram, for each value of the labels."""
    legend = " to ".join(f"{{{{{label.strip()}}}}}" for label in labels.split(","))
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({labels}, le) (rate({histogram}_bucket{selector}{RATE})))",
            f"{legend}, {name}",
        )
        for share, name in ((0.5, "median"), (0.99, "99 %"))
    )


def rates(*counters: tuple[str, str], by: str = "instance") -> tuple[Query, ...]:
    """Give what each counter counts in a second; each counter comes with a word for the legend."""
    return tuple(
        Query(f"sum by ({by}) (rate({counter}{RATE}))", f"{{{{{by}}}}} {word}".strip()) for counter, word in counters
    )


def values(*gauges: tuple[str, str]) -> tuple[Query, ...]:
    """Give each gauge of each process; each gauge comes with a word for the legend."""
    return tuple(Query(gauge, f"{{{{instance}}}} {word}".strip()) for gauge, word in gauges)

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from bench import cases
from bench.document import (
    BEGIN,
    END,
    VARIANTS,
    comparison,
    document,
    goals,
    more_than_one_core,
    number,
    ordinary,
    overload,
    ratios,
    replaced,
    variants,
)
from bench.failover import Kill, next_after
from bench.measurement import EndedCall, Measurement, Window, percentile
from bench.placement import limits
from bench.plot import bars
from bench.report import Report, unanswered

QUIET = {
    "date": "2026-11-29",
    "commit": "abc",
    "processors": 2,
    "rounds": 3,
    "seconds": 4.0,
    "fdatasync_ms": 0.2,
    "load_average": 0.1,
}


def measured(calls_s=0.0, median_ms=0.0, statuses=None, processor_ms=None):
    used = processor_ms or {"leader": 1.5, "generator": 0.5}
    return Measurement(calls_s, median_ms, 0.0, 0.0, 0, statuses or {"OK": 1}, used)


def report_of(**rounds):
    report = Report(dict(QUIET), {name: name.title() for name in rounds})
    for name, every in rounds.items():
        turns = {}
        for case, measurement in every:
            turn = turns[case] = turns.get(case, -1) + 1
            if measurement:
                report.add(name, case, turn, measurement)
    return report


def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds():
    # The machine was ten times as slow in the second round: it hits both systems, and no ratio.
    own = [(cases.CHANGES, measured(calls_s=rate)) for rate in (100.0, 10.0, 300.0)]
    other = [(cases.CHANGES, measured(calls_s=rate)) for rate in (50.0, 5.0, 100.0)]

    assert report_of(quitanda=own, etcd=other).ratio(cases.CHANGES, "etcd") == 2.0


def test_a_round_in_which_a_peer_failed_is_compared_with_nothing():
    own = [(cases.CHANGES, measured(calls_s=rate)) for rate in (100.0, 10.0, 300.0)]
    other = [(cases.CHANGES, rate and measured(calls_s=rate)) for rate in (50.0, None, 100.0)]

    assert report_of(quitanda=own, etcd=other).ratio(cases.CHANGES, "etcd") == 2.5


def test_above_one_is_better_also_where_less_is_better():
    report = report_of(quitanda=[(cases.ALONE, measured(median_ms=2.0))], etcd=[(cases.ALONE, measured(median_ms=4.0))])

    assert report.ratio(cases.ALONE, "etcd") == 2.0
    assert "| one in flight, median in ms | 2 |" in ratios(report)


def test_a_peer_that_is_not_installed_is_named_in_every_row():
    report = report_of(quitanda=[(cases.CHANGES, measured(calls_s=400.0))])
    report.titles["etcd"] = "three-node etcd"
    report.missing["etcd"] = "etcd-server (apt)"

    rows = comparison(report, ordinary(report)).splitlines()

    assert "| order changes/s, 64 in flight | 400 | not installed |" in rows
    assert report.ratio(cases.CHANGES, "etcd") is None


def test_calls_that_failed_stand_beside_the_figure():
    statuses = {"OK": 7, "UNAVAILABLE": 2, "OUTCOME_UNKNOWN": 1}

    report = report_of(quitanda=[(cases.CHANGES, measured(calls_s=90.0, statuses=statuses))])

    assert "| 90 (3 failed) |" in comparison(report, ordinary(report))


def test_a_system_that_failed_is_named_with_what_it_said_and_the_others_keep_their_figures():
    report = report_of(quitanda=[(cases.CHANGES, measured(calls_s=400.0))], etcd=[])
    report.failed["etcd"] = ["start, round 1: ProcessDied: no port"]

    written = document(report, {})

    assert "| order changes/s, 64 in flight | 400 | failed |" in written
    assert "Failed: Etcd: start, round 1: ProcessDied: no port." in written


def test_peers_with_the_same_duty_stand_in_a_table_of_their_own():
    changes = [(cases.CHANGES, measured(calls_s=400.0))]
    mixed = [(cases.MIXED, measured(calls_s=500.0))]
    report = report_of(quitanda=[*changes, *mixed], etcd=changes, etcd_remembering=changes)

    assert ordinary(report) == ["quitanda", "etcd"]
    assert variants(report) == ["quitanda", "etcd_remembering"]
    written = comparison(report, variants(report), VARIANTS)
    assert "Etcd_Remembering" in written
    assert cases.CHANGES.title in written
    # what no variant was asked for is no row of theirs
    assert cases.MIXED.title not in written
    assert cases.MIXED.title in comparison(report, ordinary(report))


def test_every_figure_of_the_document_is_of_the_run():
    report = report_of(
        quitanda=[(cases.CHANGES, measured(calls_s=431.0))], etcd=[(cases.CHANGES, measured(calls_s=1000.0))]
    )
    report.failover_s = [0.5, 0.7, 1.9]

    written = document(report, {"order changes": "plots/changes.svg"})

    assert "| Quitanda ÷ peer | Etcd |" in written
    assert "| order changes/s, 64 in flight | 0.431 |" in written
    assert "3 times: the next write was acknowledged after 0.70 s (median), 1.90 s (worst)" in written
    assert "rounds: 3, each with 4 s of each case" in written
    assert "not quiet" not in written
    assert written.index("![order changes](plots/changes.svg)") < written.index("### More than one core")


def test_work_beside_the_measurements_is_told():
    busy = [(case, replace(measured(calls_s=431.0), others=0.75)) for case in (cases.CHANGES, cases.ORDER_READS)]

    written = document(report_of(quitanda=busy), {})

    assert "other work kept 0.75 processors busy (median): the machine was not quiet" in written


def test_an_overload_is_told_as_a_share_of_the_rate_at_64_of_the_same_round():
    rates = [(cases.CHANGES, measured(calls_s=rate)) for rate in (400.0, 200.0)]
    loaded = [
        (cases.OVERLOADS[0], measured(calls_s=rate, statuses={"OK": 9, "OVERLOADED": 1234})) for rate in (360.0, 180.0)
    ]

    row = overload(report_of(quitanda=[*rates, *loaded])).splitlines()[-1]

    assert row.startswith("| 2,000 in flight, 2 s each | 270 | 90 % |")
    assert row.endswith("| OK 9, OVERLOADED 1,234 |")


def test_goals_say_what_was_found_and_whether_it_is_enough():
    report = report_of(
        quitanda=[(cases.CHANGES, measured(calls_s=400.0)), (cases.SAME_PRODUCT, measured(calls_s=400.0))],
        etcd=[(cases.CHANGES, measured(calls_s=500.0))],
        postgresql=[(cases.SAME_PRODUCT, measured(calls_s=400.0))],
    )
    report.failover_s = [0.5, 0.7, 2.6]

    rows = goals(report).splitlines()[2:]

    assert rows == [
        "| order changes ÷ three-node etcd's | at least 1 | 0.8 | **no** |",
        "| processor time of one order change, all processes, ms | at most 1.3 | 1.5 | **no** |",
        "| one product for all ÷ PostgreSQL's | at least 1 | 1 | yes |",
        "| next write after SIGKILL of the leader, median, s | at most 1 | 0.7 | yes |",
        "| next write after SIGKILL of the leader, worst, s | at most 2.5 | 2.6 | **no** |",
    ]


def test_the_rate_with_identities_is_compared_with_the_open_mode_of_the_same_round():
    # The machine was half as fast in the second round.
    open_mode = [(cases.CHANGES, measured(calls_s=rate)) for rate in (400.0, 200.0, 400.0)]
    proving = [(cases.CHANGES, measured(calls_s=rate)) for rate in (360.0, 160.0, 340.0)]
    report = report_of(quitanda=open_mode, quitanda_identities=proving)

    row = "| order changes/s, 64 in flight: with identities ÷ in the open mode | at least 0.85 | 0.85 | yes |"
    assert row in goals(report).splitlines()
    assert report.to_json()["identities_ratios"] == {"changes": 0.85}


def test_the_process_that_takes_most_of_a_call_is_the_limit_until_portals_are_many_enough():
    used = {"leader": 0.5, "follower 1": 0.25, "client-portal-1": 0.8, "client-portal-2": 0.8, "broker": 0.01}

    assert limits(used, (2, 4)) == [(2, 1250.0, "client portals"), (4, 2000.0, "leader")]


def test_more_than_one_core_is_measured_where_it_can_be_and_computed_beyond():
    used = {"leader": 0.5, "client-portal-1": 0.8, "client-portal-2": 0.8, "generator": 9.0}
    report = report_of(quitanda=[(cases.CHANGES, measured(calls_s=700.0, processor_ms=used))])
    report.pinned["all on one"] = {"changes": measured(calls_s=390.0)}

    written = more_than_one_core(report)

    assert "| all on one | 390 |" in written
    assert "| everything on both | 700 |" in written
    assert "| order changes/s, 64 in flight | 4 | 2,000 | leader (0.50 ms of a call) |" in written


def test_a_report_is_the_same_after_json():
    report = report_of(
        quitanda=[(cases.CHANGES, measured(calls_s=2.0)), (cases.CHANGES, measured(calls_s=4.0))],
        etcd=[(cases.CHANGES, measured(calls_s=1.0))],
    )
    report.failed["etcd"] = ["changes, round 2: gone"]
    report.failover_s = [0.5]
    report.pinned["all on one"] = {"changes": measured(calls_s=390.0)}

    written = report.to_json()

    assert Report.from_json(written) == report
    assert written["medians"]["quitanda"]["changes"] == 3.0
    assert written["ratios"]["changes"] == {"etcd": 2.0}


def test_processor_time_of_the_system_leaves_the_load_generator_out():
    assert measured().system_ms == 1.5


def test_refusals_and_unknown_outcomes_are_told_apart_and_count_as_no_answer():
    calls = [
        EndedCall(9.9, 9.0, "OK"),  # before counting begins
        EndedCall(10.0, 0.2, "OK"),
        EndedCall(10.5, 0.4, "OK"),
        EndedCall(11.0, 0.01, "OVERLOADED"),
        EndedCall(11.9, 2.0, "OUTCOME_UNKNOWN"),
        EndedCall(12.0, 9.0, "OK"),  # after it has ended
    ]

    told = Window(10.0, 12.0, {"leader": 0.004}, 80.0).measured(calls)

    assert told.calls_s == 1.0
    assert told.median_ms == pytest.approx(300)
    assert told.refused_p99_ms == pytest.approx(10)
    assert told.unknown == 1
    assert told.processor_ms == {"leader": 2.0}
    assert told.statuses == {"OK": 2, "OVERLOADED": 1, "OUTCOME_UNKNOWN": 1}
    assert told.memory_mb == 80.0


def test_the_99_percent_of_nothing_is_nothing():
    assert percentile([], 0.99) == 0
    assert percentile([float(n) for n in range(1, 101)], 0.99) == 100


def test_the_next_write_after_a_kill_ends_the_longest_pause_until_the_restart():
    kill = Kill(killed=10.0, restarted=12.0)
    # 10.01 was on its way when the leader died at 10. What the restart disturbs is not the election's.
    assert next_after(kill, [9.9, 10.01, 10.8, 10.9, 11.5, 11.9, 12.1, 19.0]) == pytest.approx(0.8)
    assert next_after(kill, [9.9, 10.01, 13.0, 13.1]) == pytest.approx(3.0)
    assert next_after(kill, [9.9]) == float("inf")
    # a leader that was never started again
    assert next_after(Kill(killed=10.0), [9.9, 10.01, 17.0, 17.1]) == pytest.approx(7.0)


def test_a_system_that_answered_nothing_is_named():
    report = report_of(etcd=[(cases.CHANGES, measured(statuses={"DEADLINE_EXCEEDED": 9}))])

    assert unanswered(report) == ["etcd, changes"]


def test_only_what_stands_between_the_marks_is_replaced():
    text = f"before\n{BEGIN}\n\nold\n\n{END}\nafter\n"

    assert replaced(text, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="lacks"):
        replaced("before\nafter\n", "new")


def test_numbers_have_three_digits_that_count():
    assert [number(value) for value in (None, 1234.5, 99.44, 0.3456)] == ["", "1,234", "99.4", "0.346"]


def test_the_longest_bar_is_as_wide_as_the_plot():
    drawn = ET.fromstring(bars("changes & reads", [("a", 50.0), ("b", 200.0)]))
    widths = [float(bar.get("width")) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")][1:]

    assert widths == [110.0, 440.0]

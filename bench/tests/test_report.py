import xml.etree.ElementTree as ET

import pytest

from bench import cases
from bench.failover import next_after
from bench.measurement import Measurement, Recorder, percentile
from bench.plot import bars
from bench.report import BEGIN, END, Report, comparison, number, ratios, replaced


def measured(calls_s=0.0, median_ms=0.0, statuses=None):
    return Measurement(calls_s, median_ms, 0.0, 0.0, 0, statuses or {"OK": 1}, {"replica1": 1.5, "generator": 0.5})


def report_of(**rounds):
    report = Report({}, {name: name.title() for name in rounds})
    for name, every in rounds.items():
        for case, measurement in every:
            report.add(name, case, measurement)
    return report


def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds():
    # The machine was ten times as slow in the second round: it hits both systems, and no ratio.
    own = [(cases.CHANGES, measured(calls_s=rate)) for rate in (100.0, 10.0, 300.0)]
    other = [(cases.CHANGES, measured(calls_s=rate)) for rate in (50.0, 5.0, 100.0)]

    assert report_of(quitanda=own, etcd=other).ratio(cases.CHANGES, "etcd") == 2.0


def test_above_one_is_better_also_where_less_is_better():
    report = report_of(quitanda=[(cases.ALONE, measured(median_ms=2.0))], etcd=[(cases.ALONE, measured(median_ms=4.0))])

    assert report.ratio(cases.ALONE, "etcd") == 2.0
    assert "| one in flight, median in ms | 2 |" in ratios(report)


def test_a_peer_that_is_not_installed_is_named_in_every_row():
    report = report_of(quitanda=[(cases.CHANGES, measured(calls_s=400.0))])
    report.titles["etcd"] = "three-node etcd"
    report.missing["etcd"] = "etcd-server (apt)"

    rows = comparison(report).splitlines()

    assert "| order changes/s, 64 in flight | 400 | not installed |" in rows
    assert report.ratio(cases.CHANGES, "etcd") is None


def test_calls_that_failed_stand_beside_the_figure():
    statuses = {"OK": 7, "UNAVAILABLE": 2, "OUTCOME_UNKNOWN": 1}

    assert "| 90 (3 failed) |" in comparison(
        report_of(quitanda=[(cases.CHANGES, measured(calls_s=90.0, statuses=statuses))])
    )


def test_a_report_is_the_same_after_json():
    report = report_of(
        quitanda=[(cases.CHANGES, measured(calls_s=2.0)), (cases.CHANGES, measured(calls_s=4.0))],
        etcd=[(cases.CHANGES, measured(calls_s=1.0))],
    )

    written = report.to_json()

    assert Report.from_json(written) == report
    assert written["medians"]["quitanda"]["changes"] == 3.0
    assert written["ratios"]["changes"] == {"etcd": 2.0}


def test_processor_time_of_the_system_leaves_the_load_generator_out():
    assert measured().system_ms == 1.5


def test_refusals_and_unknown_outcomes_are_told_apart_and_count_as_no_answer():
    recorder = Recorder()
    recorder.record("OK", 9.0)  # before counting begins
    recorder.counting = True
    for status, seconds in (("OK", 0.2), ("OK", 0.4), ("OVERLOADED", 0.01), ("OUTCOME_UNKNOWN", 2.0)):
        recorder.record(status, seconds)

    told = recorder.measured(2.0, {"replica1": 0.004})

    assert told.calls_s == 1.0
    assert told.median_ms == pytest.approx(300)
    assert told.refused_p99_ms == pytest.approx(10)
    assert told.unknown == 1
    assert told.processor_ms == {"replica1": 2.0}
    assert told.statuses == {"OK": 2, "OVERLOADED": 1, "OUTCOME_UNKNOWN": 1}


def test_the_99_percent_of_nothing_is_nothing():
    assert percentile([], 0.99) == 0
    assert percentile([float(n) for n in range(1, 101)], 0.99) == 100


def test_the_next_write_after_a_kill_ends_the_longest_pause():
    # 10.01 was on its way when the leader died at 10.
    assert next_after(10.0, [9.9, 10.01, 10.8, 10.9, 11.0]) == pytest.approx(0.8)
    assert next_after(10.0, [9.9]) == float("inf")


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

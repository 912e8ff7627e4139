"""Bar charts: places and sizes."""

import pytest

from quitanda_web.charts import BARS_MAX, WIDTH, ChartValue, columns, largest, lying_bars


def values(*numbers):
    return [ChartValue(f"n{place}", number, str(number)) for place, number in enumerate(numbers)]


def test_the_largest_value_fills_the_width_and_the_others_have_their_share():
    chart = lying_bars("title", "description", values(10, 5, 0))

    assert [bar.width for bar in chart.bars] == [WIDTH, WIDTH / 2, 0]
    assert all(bar.y + bar.height <= chart.height for bar in chart.bars)


def test_columns_stand_on_one_line_and_name_the_first_and_the_last():
    chart = columns("title", "description", values(1, 4, 2))

    assert len({bar.y + bar.height for bar in chart.bars}) == 1
    assert [text.text for text in chart.texts] == ["4", "n0", "n2"]
    assert max(bar.x + bar.width for bar in chart.bars) <= WIDTH


@pytest.mark.parametrize("draw", [lying_bars, columns])
@pytest.mark.parametrize("numbers", [(), (0, 0)])
def test_nothing_is_drawn_of_nothing(draw, numbers):
    assert draw("title", "description", values(*numbers)) is None


def test_only_the_largest_values_get_a_bar():
    chosen = largest(values(*range(100)))

    assert [each.value for each in chosen] == list(range(99, 99 - BARS_MAX, -1))


def test_a_long_label_is_shortened():
    (label, _) = lying_bars("title", "description", [ChartValue("x" * 200, 1, "1")]).texts

    assert len(label.text) < 40
    assert label.text.endswith("…")

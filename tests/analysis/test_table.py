"""The table: what a gap is measured against."""

import pytest

from neuroinv.analysis.statistics import Interval
from neuroinv.analysis.table import Row, Table, read_table, render, render_parts, to_json
from neuroinv.types import InputError


def simulated(value: float) -> Interval:
    return Interval(value, value, value)


OPTIMUM = Row("optimum", "", 10.0, simulated(10.2))


def table(learned: Row, profit: bool = False, bound: str | None = "optimum") -> Table:
    return Table("title", "mlp", profit, bound, (OPTIMUM, learned))


def test_exact_values_are_compared_exactly():
    learned = Row("mlp", "", 10.1, simulated(11.0))
    assert table(learned).gap(learned) == pytest.approx(0.01)


def test_simulated_values_are_compared_on_the_same_paths():
    learned = Row("mlp", "", None, simulated(10.3))
    assert table(learned).gap(learned) == pytest.approx(0.01)


def test_a_profit_below_the_bound_is_a_positive_gap():
    learned = Row("mlp", "", None, simulated(9.2))
    assert table(learned, profit=True).gap(learned) == pytest.approx(0.1)


def test_without_a_bound_there_is_no_gap():
    assert table(OPTIMUM, bound=None).gap(OPTIMUM) is None


def test_a_table_survives_its_file(tmp_path):
    whole = table(Row("mlp", "S=3", None, Interval(1.0, 0.5, 1.5)))
    (tmp_path / "table.json").write_text(to_json(whole))
    assert read_table(tmp_path) == whole


def test_a_run_without_a_table_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no table\.json"):
        read_table(tmp_path)


def test_parts_that_are_nothing_for_all_are_not_shown():
    optimum = OPTIMUM._replace(parts={"holding": 4.0, "underage": 6.2, "fixed": 0.0})
    learned = Row("mlp", "", None, simulated(10.3), None, None, optimum.parts | {"underage": 0.0})
    whole = Table("title", "mlp", False, "optimum", (Row("bound", "", 9.0, None), optimum, learned))
    shown = render_parts(whole)
    assert shown is not None
    assert [column.header for column in shown.columns][1:] == ["holding", "underage"]
    assert shown.row_count == 2


def test_without_parts_there_is_nothing_to_show():
    assert render_parts(table(OPTIMUM)) is None


def test_a_bound_that_was_only_simulated_is_compared_on_the_same_paths():
    bound = Row("bound", "", None, simulated(10.0))
    known = Row("round robin", "", 11.5, simulated(11.0))
    both = Table("title", "mlp", False, "bound", (bound, known))
    assert both.gap(known) == pytest.approx(0.1)


def test_there_is_no_gap_to_a_bound_of_nothing():
    nothing = Row("just_in_time", "", None, simulated(0.0))
    learned = Row("mlp", "", None, simulated(0.2))
    both = Table("title", "mlp", True, "just_in_time", (nothing, learned))
    assert both.gap(learned) is None
    assert render(both).row_count == 2

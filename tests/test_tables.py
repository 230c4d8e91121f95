"""Every file of `experiments/` asks for cells that compose and fit together."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from examples import sales_file

from neuroinv.analysis.statistics import Interval
from neuroinv.analysis.table import Row, Table
from neuroinv.build import build
from neuroinv.experiment import Finished

FOLDER = Path(__file__).parent.parent / "experiments"
BY_CELLS = {
    "backlogged": [],
    "hpo_choices": [],
    "discontinuities": [],
    "fixed_cost_lost_sales": [],
    "joint_replenishment": [],
    "joint_replenishment_changes": [],
    "joint_replenishment_variants": [],
    "lost_sales": [],
    "lost_sales paper": ["--recipe=paper"],
    "one_warehouse_base_stock": [],
    "ppo": [],
    "real_fixed_cost": [],
    "real_one_store": [],
    "reinforce": [],
    "sample_efficiency": ["serial"],
    "sample_efficiency levels": ["transshipment", "--policies=gnn_levels"],
    "sample_efficiency symmetry_aware": ["many_warehouses", "--policies=symmetry_aware"],
    "sample_efficiency many_warehouses": ["many_warehouses"],
    "sample_efficiency real_one_warehouse": ["real_one_warehouse"],
    "sample_efficiency real_many_warehouses": ["real_many_warehouses"],
    "serial": [],
    "serial_fixed_cost": [],
    "slow_items": [],
    "serial paper": ["--recipe=paper"],
    "switched_lqr": [],
    "switched_lqr_changes": [],
    "switched_lqr_ppo": [],
    "transfer": [],
    "transshipment": [],
    "weight_sharing": [],
}
WITHOUT_CELLS = {
    "batch_sizes",
    "cells",
    "dual_sourcing",
    "figures",
    "forecaster",
    "gradient_diagnostics",
    "joint_replenishment_window",
    "lost_sales_heuristics",
    "recipes",
    "seeds_together",
    "six_networks",
}


class FirstCellError(Exception):
    """The first cell was asked for; training it is not this test's business."""


def forget_experiments(monkeypatch) -> None:
    """What an experiment imports of another reads that one's command line and writes tables."""
    shared = ("cells", "joint_replenishment", "joint_replenishment_changes", "switched_lqr")
    for module in shared:
        monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.mark.parametrize("name", BY_CELLS)
def test_the_first_cell_of_a_table_composes_and_builds(tmp_path, monkeypatch, name):
    monkeypatch.syspath_prepend(str(FOLDER))
    arguments = [*BY_CELLS[name], "--quick"]
    if "real" in name:
        path = sales_file(tmp_path, items=80, places=21 if "many" in name else 3, weeks=171)
        columns = "problem.demand.columns={location: location, quantity: quantity}"
        arguments += [f"problem.demand.path={path}", columns, "training.batch=64"]
    if "warehouse" in name and "real" in name:
        arguments.append("problem.demand.locations=null")
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    forget_experiments(monkeypatch)
    import cells

    def compose_only(overrides):
        build(cells.composed(overrides))
        raise FirstCellError

    monkeypatch.setattr(cells, "run_cell", compose_only)
    monkeypatch.setattr(cells, "RESULTS", tmp_path)
    with pytest.raises(FirstCellError):
        runpy.run_path(str(FOLDER / f"{name.split()[0]}.py"), run_name="__main__")
    forget_experiments(monkeypatch)


CHANGES = {
    "joint_replenishment_variants": lambda module: module["VARIANTS"],
    "joint_replenishment_changes": lambda module: [(10, 64, one) for one in module["CHANGES"]],
    "switched_lqr_changes": lambda module: [(10, 2, one) for one in module["CHANGES"]],
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_that_a_table_makes_composes(tmp_path, monkeypatch, name):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", [name])
    forget_experiments(monkeypatch)
    import cells

    def compose_only(overrides):
        cells.composed(overrides)
        raise FirstCellError

    monkeypatch.setattr(cells, "run_cell", compose_only)
    module = runpy.run_path(str(FOLDER / f"{name}.py"), run_name="table")
    for cell in CHANGES[name](module):
        with pytest.raises(FirstCellError):
            module["row"](cell)
    forget_experiments(monkeypatch)


def test_updates_of_every_problem_are_timed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["batch_sizes"])
    forget_experiments(monkeypatch)
    module = runpy.run_path(str(FOLDER / "batch_sizes.py"), run_name="table")
    import cells

    for _, overrides in module["PROBLEMS"].values():
        build(cells.composed(overrides))
    cell = ("one store", 2)
    row = module["row"](cell, *module["compiled"]((cell,))[cell])
    per_second = 2 * 100 / (row["milliseconds"] / 1e3)
    assert row["scenario_periods_per_second"] == pytest.approx(per_second, abs=1)
    forget_experiments(monkeypatch)


def test_the_last_change_to_the_recipe_of_the_regulator_is_our_recipe(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["switched_lqr_changes"])
    forget_experiments(monkeypatch)
    import cells

    composed = []
    monkeypatch.setattr(cells, "run_cell", lambda overrides: composed.append(list(overrides)))
    changes = runpy.run_path(str(FOLDER / "switched_lqr_changes.py"))
    paper, steps = changes["PAPER"], changes["CHANGES"]
    last = changes["recipes"].overrides_up_to("four times as long", paper, steps)
    changes["trained"](48, 2, *last)
    changes["trained"](48, 2)
    ladder, ours = (cells.composed(one) for one in composed)
    assert ladder == ours
    forget_experiments(monkeypatch)


def test_an_optimum_that_is_simulated_is_no_classical_policy(monkeypatch):
    """But of one item, where an (s, S) policy is the optimum."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["slow_items"])
    forget_experiments(monkeypatch)
    import slow_items

    def row(name: str, cost: float, exact: float | None = None) -> Row:
        paired = Interval(4.0 - cost, 3.9 - cost, 4.1 - cost)
        return Row(name, "", exact, Interval(cost, cost, cost), paired=paired)

    classical = [row("best (R, S)", 8.0), row("best (Q, S)", 6.0), row("best can-order", 3.0)]
    rows = (row("optimum", 2.1, 2.0), *classical, row("hybrid", 4.0))
    finished = Finished(Path(), Table("", "hybrid", False, "optimum", rows), False)
    for name, found in (("run_cell", finished), ("seconds_of", 0.0), ("origin", {})):
        monkeypatch.setattr(slow_items, name, lambda *given, found=found: found)
    made = slow_items.row((2, 50.0))
    assert [made[name] for name in slow_items.COLUMNS] == [1.0, 2.0, 1.5, 3.0, 4.0]
    assert made["gap_percent"] == pytest.approx(100.0)
    assert made["best_classical"] == "can_order"
    assert made["percent_over_best_classical"] == pytest.approx(100 / 3)
    one_item = finished.table._replace(rows=(rows[0], rows[-1]))
    assert slow_items.over_best_classical(one_item)["best_classical"] == "optimum"
    forget_experiments(monkeypatch)


def test_a_row_takes_the_place_of_the_one_with_the_same_keys(tmp_path, monkeypatch, capsys):
    """Columns are those of the last row; a column without any value yet has no type."""
    monkeypatch.syspath_prepend(str(FOLDER))
    sales = tmp_path / "sales.parquet"
    monkeypatch.setattr(sys, "argv", ["table.py", f"problem.demand.path={sales}"])
    monkeypatch.delitem(sys.modules, "cells", raising=False)
    import cells
    import figures

    monkeypatch.setattr(cells, "RESULTS", tmp_path)

    def write(*rows):
        figure = figures.Figure("size", ("gap",), "gap", lines=("rounds",))
        cells.write_table("table", ["size", "rounds"], rows, lambda row: row, figure)

    write({"size": 2, "rounds": None, "gap": None, "old": True, "commit": "1234567"})
    write(
        {"size": 2, "rounds": 1, "gap": 0.25, "commit": "12e4567"},
        {"size": 1, "rounds": None, "gap": 0.5, "commit": "abcdef0"},
    )
    write({"size": 2, "rounds": 1, "gap": 0.125, "commit": None})
    assert (tmp_path / "table.csv").read_text().splitlines() == [
        "size,rounds,gap,commit",
        "1,,0.50000,abcdef0",
        "2,,,1234567",
        "2,1,0.12500,",
    ]
    assert "0.1250" in capsys.readouterr().out
    command = json.loads((tmp_path / "table.json").read_text())["command"]
    assert command == "python experiments/table.py problem.demand.path=sales.parquet"
    assert (tmp_path / "table.svg").exists()
    monkeypatch.delitem(sys.modules, "cells")


STORED = sorted(path.stem for path in (FOLDER.parent / "results").glob("*.csv"))


@pytest.mark.parametrize("table", STORED)
def test_the_figure_of_a_stored_table_is_drawn_without_a_run(tmp_path, monkeypatch, table):
    """So every column that a figure names is one of the table."""
    name = table.removesuffix("_quick")
    arguments = ["--draw", *(["--quick"] if table.endswith("_quick") else [])]
    if table.startswith("sample_efficiency"):
        name = "sample_efficiency"
        arguments.append(table.removeprefix("sample_efficiency_").removesuffix("_quick"))
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    forget_experiments(monkeypatch)
    import cells

    monkeypatch.setattr(cells, "RESULTS", tmp_path)
    shutil.copy(FOLDER.parent / "results" / f"{table}.csv", tmp_path)
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert (tmp_path / f"{table}.svg").stat().st_size > 5_000
    assert not (tmp_path / "runs").exists()
    forget_experiments(monkeypatch)


def test_a_table_that_was_never_made_is_not_drawn(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["ppo", "--draw"])
    monkeypatch.delitem(sys.modules, "cells", raising=False)
    import cells

    monkeypatch.setattr(cells, "RESULTS", tmp_path)
    with pytest.raises(SystemExit, match=r"no .*ppo\.csv to draw; leave --draw out"):
        runpy.run_path(str(FOLDER / "ppo.py"), run_name="__main__")
    monkeypatch.delitem(sys.modules, "cells")


def test_the_quality_of_an_estimate_is_how_two_halves_of_the_scenarios_agree(monkeypatch):
    """Of 1,024 scenarios: the same gradient from all, and one that is half noise by its length."""
    monkeypatch.syspath_prepend(str(FOLDER))
    small = ["policy.hidden=[4]", "training.train.periods=8", "training.dev.periods=8"]
    small += [
        "training.batch=8",
        "training.dev.scenarios=16",
        "training.train.burn_in=2",
        "training.dev.burn_in=2",
    ]
    monkeypatch.setattr(sys, "argv", ["gradient_diagnostics", *small])
    monkeypatch.delitem(sys.modules, "cells", raising=False)
    experiment = runpy.run_path(str(FOLDER / "gradient_diagnostics.py"))
    monkeypatch.delitem(sys.modules, "cells")
    sizes = experiment["Sizes"]((0, 1), scenarios=8, draws=1, splits=3)
    first, second = experiment["snapshots"](1, sizes)
    assert (first["updates"], second["updates"]) == (0, 1)
    for taken in (first, second):
        (of_draw,) = taken["draws"]
        assert set(of_draw) == {*experiment["ESTIMATORS"], "regimes"}
        assert all(np.isfinite(list(found.values())).all() for found in of_draw.values())
    assert first["draws"] != second["draws"]
    quality, share = experiment["quality"], experiment["share"]
    alike = quality(np.tile([3.0, 4.0], (1024, 1)), 100)
    assert alike == pytest.approx({"alignment": 1, "signal": 25, "noise": 0})
    entries = 2000
    noise = np.sqrt(512 / entries) * np.random.default_rng(0).standard_normal((1024, entries))
    found = quality(np.eye(entries)[0] + noise, 100)
    assert found == pytest.approx({"alignment": 0.5, "signal": 1, "noise": 1}, rel=0.15)
    assert share(3.0, 1.0) == pytest.approx(0.25)
    assert share(-0.1, 1.0) is None


def test_the_best_classical_policy_of_a_table_is_the_cheapest_on_its_paths(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["joint_replenishment"])
    forget_experiments(monkeypatch)
    experiment = runpy.run_path(str(FOLDER / "joint_replenishment.py"))
    forget_experiments(monkeypatch)

    def row(name: str, cost: float) -> Row:
        level, above = Interval(cost, cost, cost), Interval(9.9 - cost, 9.8 - cost, 10.0 - cost)
        return Row(name, "", None, level, paired=above, parts={"holding": cost})

    known = (row("best (R, S)", 9.0), row("best (Q, S)", 8.0), row("best can-order", 9.5))
    table = Table("", "hybrid", False, None, (*known, row("hybrid", 9.9)))
    best, *shares = experiment["over_best_classical"](table).values()
    assert best == "quantity"
    np.testing.assert_allclose(shares, [100 * 1.9 / 8, 100 * 1.8 / 8, 100 * 2 / 8])


def test_every_table_is_tried():
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert files == {name.split()[0] for name in BY_CELLS} | WITHOUT_CELLS

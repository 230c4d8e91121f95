"""Every file of `experiments/` asks for cells that compose and fit together."""

import runpy
import sys
from pathlib import Path

import pytest
from examples import sales_file

from neuroinv.build import build

FOLDER = Path(__file__).parent.parent / "experiments"
BY_CELLS = {
    "backlogged": [],
    "lost_sales": [],
    "real_one_store": [],
    "reinforce": [],
    "sample_efficiency": ["serial"],
    "sample_efficiency many_warehouses": ["many_warehouses"],
    "sample_efficiency real_one_warehouse": ["real_one_warehouse"],
    "serial": [],
    "transfer": [],
    "transshipment": [],
    "weight_sharing": [],
}
WITHOUT_CELLS = {"cells", "forecaster", "seeds_together"}


class FirstCellError(Exception):
    """The first cell was asked for; training it is not this test's business."""


@pytest.mark.parametrize("name", BY_CELLS)
def test_the_first_cell_of_a_table_composes_and_builds(tmp_path, monkeypatch, name):
    monkeypatch.syspath_prepend(str(FOLDER))
    arguments = [*BY_CELLS[name], "--quick"]
    if "real" in name:
        path = sales_file(tmp_path, items=80, places=3, weeks=171)
        columns = "problem.demand.columns={location: location, quantity: quantity}"
        arguments += [f"problem.demand.path={path}", columns, "training.batch=64"]
    if "warehouse" in name and "real" in name:
        arguments.append("problem.demand.locations=null")
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    monkeypatch.delitem(sys.modules, "cells", raising=False)
    import cells

    def compose_only(overrides):
        build(cells.composed(overrides))
        raise FirstCellError

    monkeypatch.setattr(cells, "run_cell", compose_only)
    monkeypatch.setattr(cells, "RESULTS", tmp_path)
    with pytest.raises(FirstCellError):
        runpy.run_path(str(FOLDER / f"{name.split()[0]}.py"), run_name="__main__")
    monkeypatch.delitem(sys.modules, "cells")


def test_every_table_is_tried():
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert files == {name.split()[0] for name in BY_CELLS} | WITHOUT_CELLS

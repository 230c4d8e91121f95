"""Whole runs on a table of sales."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_runs import small_config

from neuroinv.analysis.table import read_table, render
from neuroinv.build import build
from neuroinv.composition import override
from neuroinv.experiment import evaluate, train
from neuroinv.training.records import read_facts
from neuroinv.types import InputError


def sales_table(folder: Path) -> Path:
    """Weekly sales of six series; one sells a thousand times as much as the least."""
    generator = np.random.default_rng(0)
    weeks = pl.date_range(pl.date(2020, 1, 7), pl.date(2022, 11, 29), "1w", eager=True)
    rows = [
        pl.DataFrame(
            {
                "date": weeks,
                "item": f"item_{item}",
                "location": f"store_{store}",
                "quantity": generator.poisson(2.0 * 10**item, len(weeks)).astype(np.float64),
            }
        )
        for item in range(3)
        for store in range(2)
    ]
    pl.concat(rows).write_parquet(folder / "sales.parquet")
    return folder / "sales.parquet"


def on_sales(folder: Path, path: Path, *overrides: str):
    return small_config(
        folder / "runs",
        "problem=one_store_real",
        "policy=just_in_time",
        f"problem.demand.path={path}",
        "problem.demand.columns={location: location, quantity: quantity}",
        "problem.demand.test=[118,150]",
        "training={train: {scenarios: 6}, dev: {scenarios: 6}, test: {scenarios: 6, periods: 12}}",
        "training.batch=6",
        *overrides,
        net=False,
    )


def test_real_sales_from_table_to_share_of_the_bound(tmp_path):
    path = sales_table(tmp_path)
    config = small_config(
        tmp_path / "runs",
        "experiment=real_one_store",
        f"problem.demand.path={path}",
        "problem.demand.columns={location: location, quantity: quantity}",
        "problem.demand.train=[0,100]",
        "problem.demand.dev=[80,125]",
        "problem.demand.test=[105,150]",
        "training.train={scenarios: null, periods: null, burn_in: 8}",
        "training.dev={scenarios: null, periods: null, burn_in: 8}",
        "training.test={scenarios: null, periods: null, burn_in: 8}",
        "training.batch=6",
        "training.seeds=1",
        "training.steps=100",
        "policy.hidden=[16]",
    )
    shares = []
    table = train(config, lambda event: shares.append(event.metrics.get("share"))).table
    assert all(0 < share < 1 for share in shares if share is not None)
    assert shares[-2] is not None, "training is measured against the bound as it goes"
    bound, level, learned = table.rows
    assert (bound.name, level.name, learned.name) == ("just_in_time", "base_stock", "mlp")
    assert table.profit
    assert 0 < level.value < bound.value
    assert 0 < learned.value < bound.value


def test_a_run_is_refused_when_its_sales_table_has_changed_since(tmp_path):
    path = sales_table(tmp_path)
    config = on_sales(tmp_path, path)
    finished = train(config)
    before = path.read_bytes()
    pl.read_parquet(path).with_columns(pl.col("quantity") * 2).write_parquet(path)
    for status in ("complete", "failed"):
        facts = read_facts(finished.path) | {"status": status}
        (finished.path / "run.json").write_text(json.dumps(facts))
        with pytest.raises(InputError, match=r"demand\.path: .* other contents .*; remove that"):
            train(config)
        assert read_facts(finished.path) == facts
        with pytest.raises(InputError, match=r"has other contents than when .*; restore them, or"):
            evaluate(finished.path)
    assert read_table(finished.path) == finished.table
    elsewhere = tmp_path / "changed.parquet"
    path.rename(elsewhere)

    def of_another_name(kept: dict) -> dict:
        kept["problem"]["demand"]["path"] = str(elsewhere)
        return kept

    (doubled,) = evaluate(finished.path, of_another_name).rows[-1:]
    assert doubled.tested.estimate == pytest.approx(2 * finished.table.rows[-1].tested.estimate)
    path.write_bytes(before)
    assert train(config) == finished
    assert train(config).repeated


def test_a_cost_of_zero_is_nothing_to_measure_a_gap_by(tmp_path):
    """With costs, who knows the future pays none: all demand is met, and no stock is held."""
    config = small_config(
        tmp_path / "runs",
        "problem=one_store_real",
        "problem.objective=cost",
        "policy=base_stock",
        f"problem.demand.path={sales_table(tmp_path)}",
        "problem.demand.columns={location: location, quantity: quantity}",
        "problem.demand.test=[118,150]",
        "training={train: {scenarios: 6}, dev: {scenarios: 6}, test: {scenarios: 6, periods: 12}}",
        "training.batch=6",
        "training.steps=1",
        "training.steps_between_dev=1",
        net=False,
    )
    table = train(config).table
    assert table.rows[0].tested.estimate == 0
    assert table.bound is None
    assert render(table).row_count == 2


@pytest.mark.parametrize(("split", "weeks"), [("train", "[0,150]"), ("dev", "[100,150]")])
def test_weeks_that_are_scored_are_not_trained_or_chosen_on(tmp_path, split, weeks):
    every = f"training.{split}.periods=null"
    config = on_sales(tmp_path, sales_table(tmp_path), f"problem.demand.{split}={weeks}", every)
    with pytest.raises(InputError, match=rf"test counts periods .* {split} has .* move one of"):
        train(config)
    assert not (tmp_path / "runs").exists()


def test_weeks_of_training_are_no_test_afterwards(tmp_path):
    kept = train(on_sales(tmp_path, sales_table(tmp_path), "policy=base_stock"))
    earlier = ["problem.demand.test=[0,40]"]
    with pytest.raises(InputError, match=r"test counts periods 26 to 28 .* train has"):
        evaluate(kept.path, lambda mapping: override(mapping, earlier))
    given = (*earlier, "problem.demand.train=[100,150]", f"training.start_from={kept.path}")
    with pytest.raises(InputError, match=r"test counts periods 26 to 28 .* train has"):
        train(on_sales(tmp_path, tmp_path / "sales.parquet", "policy=base_stock", *given))


def test_a_forecaster_learns_from_all_of_its_range(tmp_path):
    given = ("policy=quantile_newsvendor", "problem.demand.train=[0,150]")
    config = on_sales(tmp_path, sales_table(tmp_path), *given, "training.train.periods=20")
    with pytest.raises(InputError, match=r"test counts periods .* train has .* to 150"):
        train(config)


def test_lead_times_that_only_other_scenarios_have_must_be_forecast_too(tmp_path):
    one = ("training.train.scenarios=1", "training.batch=1")
    path = sales_table(tmp_path)
    (known,) = np.unique(build(on_sales(tmp_path, path, *one)).train.params.lead_time)
    forecaster = ("policy=fixed_quantile", f"policy.forecaster.lead_times=[{known}]")
    with pytest.raises(InputError, match=rf"lead_times is \[{known}\], but an edge .* lead time"):
        train(on_sales(tmp_path, path, *one, *forecaster))


def test_sales_in_units_that_are_too_large_are_refused(tmp_path):
    path = sales_table(tmp_path)
    tons = pl.read_parquet(path).with_columns(pl.col("quantity") / 1000)
    tons.write_parquet(path)
    with pytest.raises(InputError, match=r"sell less than 0\.02 units .* count in smaller units"):
        train(on_sales(tmp_path, path))


def test_policies_of_one_kind_are_told_apart(tmp_path):
    others = "[{kind: just_in_time, path: fastest}, {kind: base_stock, initial_cover: 0.5}]"
    config = on_sales(tmp_path, sales_table(tmp_path), f"comparisons={others}")
    rows = train(config).table.rows
    names = [row.name for row in rows]
    assert names == ["just_in_time", "just_in_time (path=fastest)", "base_stock", "just_in_time"]

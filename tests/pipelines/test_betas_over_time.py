"""Rolling betas, shrunken betas and loadings as the shipped pipelines make them."""

from __future__ import annotations

import numpy as np
import pytest

SHRINK_FROM_FILES = """\
steps:
  prices:
    task: read_csv
    schema: Prices
    with: {path: pipelines/data/closes.csv, columns: {session: date, con_id: conid}}
  returns: {task: compute_returns, in: prices}
  latest: {task: regress_betas, in: returns, with: {benchmark: SPY}}
  betas: {task: shrink_betas, in: {betas: latest}, last: {previous: betas}}
output: betas
"""


def test_rolling_betas_are_stored_and_end_where_the_latest_window_does(hedgerow):
    done = hedgerow.json("run", "rolling_betas", "-p", "window=126")
    assert done["status"] == "completed", done
    steps = done["steps"]
    assert steps["save_rolling"]["frame"][0]["symbol"] == "rolling_betas"
    assert steps["rolling"]["rows"] == 14 * (504 - 126 + 1)
    frame = steps["betas"]["frame"]
    others = [row for row in frame if row["con_id"] != row["benchmark_id"]]
    raw, error = (np.array([row[name] for row in others]) for name in ("raw_beta", "raw_error"))
    weight = raw.var(ddof=1) / (raw.var(ddof=1) + error**2)
    expected = weight * raw + (1 - weight) * raw.mean()
    assert [row["beta"] for row in others] == pytest.approx(expected.tolist())


def test_yesterdays_betas_are_todays_prior(hedgerow):
    (hedgerow.root / "pipelines" / "shrink.yaml").write_text(SHRINK_FROM_FILES)
    first = hedgerow.json("run", "shrink", "--session", "2022-12-22")
    second = hedgerow.json("run", "shrink", "--session", "2022-12-23")
    before = [row["raw_beta"] for row in first["steps"]["betas"]["frame"] if row["con_id"] != row["benchmark_id"]]
    after = [row for row in second["steps"]["betas"]["frame"] if row["con_id"] != row["benchmark_id"]]
    assert [row["prior"] for row in after] == pytest.approx([np.mean(before)] * 13)
    assert [row["prior_deviation"] for row in after] == pytest.approx([np.std(before, ddof=1)] * 13)
    assert "of today's 13 betas" in first["steps"]["betas"]["notes"][0]
    assert "of the previous 13 betas" in second["steps"]["betas"]["notes"][0]


def test_every_holding_is_loaded_on_the_five_factors(hedgerow):
    done = hedgerow.json("run", "factor_loadings")
    assert done["status"] == "completed", done
    frame = done["steps"]["loadings"]["frame"]
    assert len(frame) == 14 * 5
    assert {row["factor"] for row in frame} == {"MTUM", "QUAL", "SIZE", "USMV", "VLUE"}
    spy = [row for row in frame if row["symbol"] == "SPY"]
    # Five US stock funds together are most of the index.
    assert spy[0]["r_squared"] > 0.97
    assert sum(row["loading"] for row in spy) == pytest.approx(1.0, abs=0.1)


def test_a_misspelt_estimator_is_told_where_it_stands(hedgerow):
    hedgerow.edit(
        "hedge_from_files.yaml",
        lambda text: text.replace(
            "{task: regress_betas, in: returns, with: {",
            "{task: fit_betas, in: returns, with: {estimator: HuberRegresor, ",
        ),
    )
    done = hedgerow("check", "hedge_from_files")
    assert done.returncode == 1
    assert (
        "expected a linear regressor of scikit-learn, got `HuberRegresor`: did you mean HuberRegressor" in done.stdout
    )


def test_a_rolling_beta_is_explained_by_the_returns_of_its_window(hedgerow):
    hedgerow.json("run", "rolling_betas", "-p", "returns=100")
    where = ("--where", "con_id=265598", "--where", "last_session=2022-12-27")
    told = hedgerow.json("explain", "rolling_betas", "rolling", *where)["step"]
    (rolling,) = told["frames"][0]["rows"]
    (returns,) = (source["frames"][0]["rows"] for source in told["inputs"])
    ours, theirs = (
        np.array([row["return"] for row in returns if row["con_id"] == con_id])
        for con_id in (265598, rolling["benchmark_id"])
    )
    assert len(ours) == len(theirs) == 63
    assert rolling["beta"] == pytest.approx(np.polyfit(theirs, ours, 1)[0], rel=1e-9)

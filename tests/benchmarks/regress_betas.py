"""How much faster `regress_betas` is than one scikit-learn fit a contract, from the same long frame.

Run from the project's root: ``.venv/bin/python tests/benchmarks/regress_betas.py``. Both sides start
from the long frame that a step receives and are timed in turn, round by round; ours with its input
and its output validated as the run does it. Only the ratio means anything: seconds are the machine's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from schemas.market import Returns
from schemas.risk import Betas
from tasks.betas import regress_betas
from tasks.validate import validated

BENCHMARK = "C00000"
WANTED = 40.0


def long_returns(contracts: int, sessions: int, missing: float, seed: int = 20221228) -> pd.DataFrame:
    """Seeded returns with a common factor, `missing` of them absent; the first contract is the factor, whole."""
    chance = np.random.default_rng(seed)
    factor = chance.normal(0.0004, 0.011, sessions)
    panel = chance.normal(1.0, 0.4, (contracts, 1)) * factor + chance.normal(0.0, 0.018, (contracts, sessions))
    panel[0] = factor
    days = pd.bdate_range("2022-01-03", periods=sessions).to_numpy().astype("datetime64[ns]")
    names = [f"C{number:05d}" for number in range(contracts)]
    there = chance.random(contracts * sessions) >= missing
    there[:sessions] = True
    frame = pd.DataFrame(
        {
            "con_id": np.repeat(np.arange(1, contracts + 1), sessions),
            "symbol": pd.Categorical.from_codes(np.repeat(np.arange(contracts), sessions), categories=names),
            "session": np.tile(days, contracts),
            "return": panel.ravel(),
        }
    )
    return frame[there].reset_index(drop=True)


def one_fit_a_contract(returns: pd.DataFrame) -> pd.DataFrame:
    """What a desk writes by hand: for each contract, align with the benchmark, drop what is missing, fit, score."""
    own = returns[returns["symbol"] == BENCHMARK].set_index("session")["return"]
    rows = []
    for con_id, group in returns.groupby("con_id", sort=True):
        x = own.reindex(group["session"].to_numpy()).to_numpy()
        y = group["return"].to_numpy()
        both = ~(np.isnan(x) | np.isnan(y))
        inputs, outputs = x[both, None], y[both]
        model = LinearRegression().fit(inputs, outputs)
        rows.append((con_id, model.coef_[0], model.intercept_, model.score(inputs, outputs)))
    return pd.DataFrame(rows, columns=["con_id", "beta", "intercept", "r_squared"])


def aligned(returns: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each contract's inputs and outputs with nothing left to do but fit: kinder to scikit-learn than a step is."""
    panel = returns.pivot(index="session", columns="con_id", values="return").to_numpy()
    there = ~np.isnan(panel)
    return [(panel[there[:, at], 0][:, None], panel[there[:, at], at]) for at in range(panel.shape[1])]


def fit_alone(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Only the fits."""
    for inputs, outputs in pairs:
        LinearRegression().fit(inputs, outputs)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that it took, and what it gave."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contracts", type=int, default=5000)
    parser.add_argument("--sessions", type=int, default=252)
    parser.add_argument("--missing", type=float, default=0.03)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    returns = long_returns(asked.contracts, asked.sessions, asked.missing)
    validated(regress_betas(validated(returns, Returns, "returns"), BENCHMARK), Betas, "betas")  # warms imports up
    pairs = aligned(returns)
    names = ("validate returns", "regress_betas", "validate betas", "ours, all three", "one fit each", "fits alone")
    spent: dict[str, list[float]] = {name: [] for name in names}
    far = 0.0
    for _ in range(asked.rounds):
        before, checked = timed(lambda: validated(returns, Returns, "returns"))
        during, betas = timed(lambda frame=checked: regress_betas(frame, BENCHMARK))
        after, betas = timed(lambda frame=betas: validated(frame, Betas, "betas"))
        whole, fitted = timed(lambda: one_fit_a_contract(returns))
        alone, _ = timed(lambda: fit_alone(pairs))
        for name, seconds in zip(names, (before, during, after, before + during + after, whole, alone), strict=True):
            spent[name].append(seconds)
        for column in ("beta", "intercept", "r_squared"):
            far = max(far, float(np.abs(betas[column].to_numpy() - fitted[column].to_numpy()).max()))
    lines = [
        f"{asked.contracts} contracts × {asked.sessions} sessions, {asked.missing:.0%} missing: {len(returns)} rows",
        f"{'':32}{'median':>10}{'min':>10}{'max':>10}",
    ]
    lines += [line(f"{name}, ms", [seconds * 1e3 for seconds in spent[name]]) for name in names]
    ours = spent["ours, all three"]
    ratios = [slow / fast for slow, fast in zip(spent["one fit each"], ours, strict=True)]
    lines.append(line("ratio", ratios) + f"   wanted: {WANTED:.0f} or more")
    lines.append(line("ratio to the fits alone", [a / b for a, b in zip(spent["fits alone"], ours, strict=True)]))
    lines.append(f"{'largest difference':32}{far:10.1e}{'':20}   wanted: 1e-10 or less")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if median(ratios) >= WANTED and far <= 1e-10 else 1


def line(name: str, numbers: list[float]) -> str:
    """A row of the table."""
    return f"{name:32}{median(numbers):10.1f}{min(numbers):10.1f}{max(numbers):10.1f}"


if __name__ == "__main__":
    sys.exit(main())

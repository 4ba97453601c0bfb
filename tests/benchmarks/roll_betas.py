"""How much faster `roll_betas` is than one scikit-learn fit a window.

Run from the project's root: ``.venv/bin/python tests/benchmarks/roll_betas.py``. The fits one by one are
timed on a few contracts, kindly: on arrays that are aligned already. Only the ratio means anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks.rolling import roll_betas

WANTED = 40.0


def long_returns(contracts: int, sessions: int, missing: float) -> pd.DataFrame:
    """Seeded returns about a common factor, the first contract, which is whole; `missing` of the others absent."""
    chance = np.random.default_rng(20221228)
    factor = chance.normal(0.0004, 0.011, sessions)
    panel = chance.normal(1.0, 0.4, (contracts, 1)) * factor + chance.normal(0.0, 0.018, (contracts, sessions))
    panel[chance.random(panel.shape) < missing] = np.nan
    panel[0] = factor
    days = pd.bdate_range("2021-01-04", periods=sessions).to_numpy().astype("datetime64[ns]")
    names = [f"C{number:05d}" for number in range(contracts)]
    return pd.DataFrame(
        {
            "con_id": np.repeat(np.arange(1, contracts + 1), sessions),
            "symbol": pd.Categorical.from_codes(np.repeat(np.arange(contracts), sessions), categories=names),
            "session": np.tile(days, contracts),
            "return": panel.ravel(),
        }
    )


def one_fit_a_window(x: np.ndarray, y: np.ndarray, window: int) -> list[float]:
    """The slopes of one contract."""
    slopes = []
    for end in range(window, len(x) + 1):
        inside = slice(end - window, end)
        there = np.isfinite(y[inside])
        slopes.append(float(LinearRegression().fit(x[inside][there, None], y[inside][there]).coef_[0]))
    return slopes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contracts", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=504)
    parser.add_argument("--window", type=int, default=63)
    parser.add_argument("--sample", type=int, default=6, help="Contracts that are fitted one window at a time")
    asked = parser.parse_args()
    returns = long_returns(asked.contracts, asked.sessions, 0.03)
    roll_betas(returns[: 3 * asked.sessions], "C00000", window=asked.window)  # warms imports up
    start = time.perf_counter()
    rolled = roll_betas(returns, "C00000", window=asked.window)
    ours = (time.perf_counter() - start) / len(rolled)
    values = returns["return"].to_numpy().reshape(asked.contracts, -1)
    theirs, far, fits = 0.0, 0.0, 0
    for place in range(1, 1 + asked.sample):
        start = time.perf_counter()
        slopes = one_fit_a_window(values[0], values[place], asked.window)
        theirs += time.perf_counter() - start
        fits += len(slopes)
        found = rolled.loc[rolled["con_id"] == place + 1, "beta"].to_numpy()
        far = max(far, float(np.abs(found - slopes).max()))
    ratio = theirs / fits / ours
    print(f"{asked.contracts} contracts × {asked.sessions} sessions, windows of {asked.window}: {len(rolled)} windows")
    print(f"ours, µs a window          {ours * 1e6:10.2f}")
    print(f"one fit each, µs a window  {theirs / fits * 1e6:10.2f}")
    print(f"ratio                      {ratio:10.0f}   wanted: {WANTED:.0f} or more")
    print(f"largest difference         {far:10.1e}   wanted: 1e-10 or less")
    return 0 if ratio >= WANTED and far <= 1e-10 else 1


if __name__ == "__main__":
    sys.exit(main())

"""Betas by any straight-line estimator of scikit-learn: robust, regularised, or both."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple

import numpy as np
from pandera.typing import DataFrame
from pydantic import AfterValidator, Field

from schemas.market import Returns
from schemas.risk import Betas
from tasks.betas import HalfLife, betas_frame, still
from tasks.connections.problems import DataProblem
from tasks.connections.scope import current, progress
from tasks.declare import task
from tasks.least_squares import Fit, Floats, half_life_weights
from tasks.panel import Panel, panel_of

_SEED = 0
_LEAST = 3
_UNFIT = {
    *("GammaRegressor", "PoissonRegressor", "TweedieRegressor"),  # their line is of the logarithm
    "OrthogonalMatchingPursuitCV",  # wants two variables at least
    "PassiveAggressiveRegressor",  # scikit-learn is about to drop it
}


def known_estimators() -> dict[str, Any]:
    """The regressors of `sklearn.linear_model` that draw a straight line through one target, by name."""
    from sklearn import linear_model
    from sklearn.base import RegressorMixin

    listed = {name: getattr(linear_model, name) for name in linear_model.__all__}
    return {
        name: found
        for name, found in sorted(listed.items())
        if inspect.isclass(found)
        and issubclass(found, RegressorMixin)
        and not name.startswith("MultiTask")
        and name not in _UNFIT
    }


def _estimator(name: str) -> str:
    known = known_estimators()
    if name not in known:
        close = get_close_matches(name, known, 2, cutoff=0.5)
        rest = f"did you mean {' or '.join(close)}" if close else f"there are {', '.join(known)}"
        raise ValueError(f"expected a linear regressor of scikit-learn, got `{name}`: {rest}")
    return name


Estimator = Annotated[str, AfterValidator(_estimator)]
"""The name of an estimator, such as HuberRegressor."""


@task
def fit_betas(
    returns: DataFrame[Returns],
    benchmark: str,
    estimator: Estimator,
    parameters: dict[str, Any] | None = None,
    standardise: bool = True,
    minimum: Annotated[int, Field(ge=3)] = 30,
    half_life: HalfLife | None = None,
) -> DataFrame[Betas]:
    """Beta of each contract by an estimator of scikit-learn: HuberRegressor, TheilSenRegressor, Ridge, Lasso …

    return = intercept + beta · benchmark's return, over the sessions on which both have one. Outliers weigh
    less with a robust estimator; a regularised one draws betas toward zero. Each contract is fitted by
    itself, so thousands take minutes: plain least squares by `regress_betas` doesn't.

    Parameters
    ----------
    returns
        Returns of the contracts and the benchmark, in any order; null where there is none.
    benchmark
        The benchmark's symbol.
    estimator
        A regressor of `sklearn.linear_model` by its name.
    parameters
        Its own: `{epsilon: 1.35}`. Where it draws lots its `random_state` is 0 unless given here.
    standardise
        Whether both series are brought to mean 0 and deviation 1 before the fit, and the line back after it.
        Penalties are made for that scale: on returns as they are, Ridge's `alpha: 1` takes nearly all of
        a beta away. Standardised, its beta is n / (n + alpha) of the least-squares one, and Lasso's 0 where
        the correlation is below its alpha.
    minimum
        The fewest observations that a beta is taken from.
    half_life
        Sessions after which a return counts half, as for `regress_betas`; only for estimators that take weights.

    Returns
    -------
    Betas
        As of `regress_betas`, with the errors null: these estimators have none. R² is 1 - Σwe²/Σw(y-ȳ)² of
        the line that was found, at least 0. A fit that fails or doesn't converge gives no beta, and
        `reason` says so. The benchmark's own row is exact.

    Raises
    ------
    DataProblem
        The benchmark is none or several or has too few returns or never moves; or the estimator doesn't take
        a parameter, or weights.

    References
    ----------
    scikit-learn, https://scikit-learn.org/stable/modules/linear_model.html.
    """
    model = _made(estimator, parameters or {})
    if half_life is not None and "sample_weight" not in inspect.signature(type(model).fit).parameters:
        raise DataProblem(
            f"{estimator} takes no weights.", "Leave `half_life` out, or take one such as HuberRegressor."
        )
    panel = panel_of(returns, benchmark, minimum)
    if np.ptp(panel.x) == 0:
        raise still(benchmark, len(panel.x))
    weights = None if half_life is None else half_life_weights(len(panel.x), half_life)
    fit, faults = _fitted(model, panel, weights, minimum, standardise)
    return betas_frame(panel, fit, minimum, faults)


def _made(estimator: str, parameters: Mapping[str, Any]) -> Any:
    model = known_estimators()[_checked(estimator)]()
    known = model.get_params(deep=False)
    for name in parameters:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"Did you mean `{close[0]}`?" if close else f"It takes {', '.join(sorted(known))}."
            raise DataProblem(f"{estimator} takes no parameter `{name}`.", hint)
    seed = {"random_state": _SEED} if "random_state" in known else {}
    model.set_params(**{**seed, **parameters})
    try:
        model._validate_params()
    except (ValueError, TypeError) as error:
        raise DataProblem(f"{estimator}: {str(error).rstrip('.')}.", "Mend it in `parameters:`.") from None
    return model


def _checked(estimator: str) -> str:
    try:
        return _estimator(estimator)
    except ValueError as error:
        raise DataProblem(f"`estimator`: {error}.") from None


class _Line(NamedTuple):
    slope: float
    intercept: float


def _fitted(
    model: Any, panel: Panel, weights: Floats | None, minimum: int, standardise: bool
) -> tuple[Fit, dict[int, str]]:
    """A line a contract, and why some have none."""
    count = len(panel.con_ids)
    there = np.isfinite(panel.y)
    observations = there.sum(axis=1)
    numbers = {name: np.full(count, np.nan) for name in ("slope", "intercept", "r_squared", "deviation")}
    faults: dict[int, str] = {}
    for place in np.flatnonzero(observations >= minimum).tolist():
        current().deadline.check("A fit")
        some = there[place]
        x, y = panel.x[some], panel.y[place][some]
        weight = None if weights is None else weights[some]
        if place == panel.own:
            found: _Line | str = _Line(1.0, 0.0)
        elif np.ptp(x) == 0:
            continue  # its reason is the benchmark's
        elif np.ptp(y) == 0:
            found = _Line(0.0, float(y[0]))
        else:
            found = _line(model, x, y, weight, standardise)
        if isinstance(found, str):
            faults[place] = found
            continue
        numbers["slope"][place], numbers["intercept"][place] = found
        quality = (0.0, 0.0) if np.ptp(y) == 0 else _quality(found, x, y, weight)
        numbers["r_squared"][place], numbers["deviation"][place] = quality
        progress(place + 1, count, type(model).__name__)
    nothing = np.full(count, np.nan)
    slope, intercept = numbers["slope"], numbers["intercept"]
    fit = Fit(observations, slope, intercept, numbers["r_squared"], nothing, nothing, numbers["deviation"])
    return fit, faults


def _line(model: Any, x: Floats, y: Floats, weight: Floats | None, standardise: bool) -> _Line | str:
    """The line that the estimator draws; a sentence where it draws none."""
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    x_mean = y_mean = 0.0
    x_scale = y_scale = 1.0
    if standardise:
        x_mean, y_mean = (float(np.average(values, weights=weight)) for values in (x, y))
        x_scale = float(np.sqrt(np.average((x - x_mean) ** 2, weights=weight)))
        y_scale = float(np.sqrt(np.average((y - y_mean) ** 2, weights=weight)))
    given = {} if weight is None else {"sample_weight": weight / weight.mean()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        own = clone(model)
        try:
            own.fit(((x - x_mean) / x_scale)[:, None], (y - y_mean) / y_scale, **given)
        except ConvergenceWarning:
            return f"{type(model).__name__} didn't converge"
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            return f"{type(model).__name__}: {str(error).splitlines()[0]}"
        level, further = (float(value) for value in np.ravel(own.predict(np.array([[0.0], [1.0]]))))
    slope = (further - level) * y_scale / x_scale
    return _Line(slope, y_mean + level * y_scale - slope * x_mean)


def _quality(line: _Line, x: Floats, y: Floats, weight: Floats | None) -> tuple[float, float]:
    """R² and the residuals' deviation."""
    counts = np.ones(len(x)) if weight is None else weight
    residual = y - line.intercept - line.slope * x
    squares = float(counts @ residual**2)
    around = float(counts @ (y - np.average(y, weights=counts)) ** 2)
    deviation = np.sqrt(squares / counts.sum() * len(x) / (len(x) - 2)) if len(x) >= _LEAST else np.nan
    return float(np.clip(1.0 - squares / around, 0.0, 1.0)), float(deviation)

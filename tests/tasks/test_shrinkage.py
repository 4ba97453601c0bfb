"""Vasicek's betas, by hand and by integrating Bayes' theorem."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.frame import schema_of
from schemas.risk import ShrunkBetas
from tasks.connections.problems import DataProblem
from tasks.shrinkage import shrink_betas

NAN = float("nan")


def shrunk(*arguments, **named):
    return schema_of(ShrunkBetas).validate(shrink_betas(*arguments, **named)).set_index("con_id")


@pytest.fixture
def book(betas):
    """Three contracts, 1.2 ± 0.4 among them, and the benchmark."""
    return betas(
        {"con_id": 1, "beta": 0.8, "beta_error": 0.2},
        {"con_id": 2, "beta": 1.2, "beta_error": 0.4},
        {"con_id": 3, "beta": 1.6, "beta_error": 0.1},
        {"con_id": 900, "beta": 1.0, "beta_error": 0.0, "symbol": "SPY"},
    )


def test_betas_move_toward_the_mean_by_how_little_they_are_known(book, notes):
    found = shrunk(book)
    # d = 0.4: weights 0.16 / (0.16 + s²).
    assert found["weight"].tolist() == pytest.approx([0.8, 0.5, 16 / 17, 1.0])
    assert found["beta"].tolist() == pytest.approx([0.88, 1.2, (16 * 1.6 + 1.2) / 17, 1.0])
    assert found["beta_error"][:3].tolist() == pytest.approx([0.08 / 0.2**0.5, 0.16 / 0.32**0.5, 0.04 / 0.17**0.5])
    assert found["raw_beta"].tolist() == [0.8, 1.2, 1.6, 1.0]
    assert notes == ["The prior is 1.2 ± 0.4, of today's 3 betas."]


def test_it_is_bayes_theorem_with_two_normal_distributions(book):
    found = shrunk(book, prior=0.9, prior_deviation=0.3)
    grid = np.linspace(-4, 6, 200_001)
    for con_id in (1, 2, 3):
        row = found.loc[con_id]
        density = np.exp(-(((grid - row["raw_beta"]) / row["raw_error"]) ** 2) / 2 - ((grid - 0.9) / 0.3) ** 2 / 2)
        density /= density.sum()
        mean = (grid * density).sum()
        assert row["beta"] == pytest.approx(mean, rel=1e-9)
        assert row["beta_error"] == pytest.approx(np.sqrt(((grid - mean) ** 2 * density).sum()), rel=1e-9)


def test_the_benchmark_stays_one_whatever_the_prior(book):
    row = shrunk(book, prior=3.0, prior_deviation=0.01).loc[900]
    assert (row["beta"], row["beta_error"], row["weight"]) == (1.0, 0.0, 1.0)


def test_a_contract_without_a_beta_is_given_none(betas, book):
    rows = [
        *book[["con_id", "beta", "beta_error", "symbol"]].to_dict("records"),
        {"con_id": 901, "beta": NAN, "beta_error": NAN, "r_squared": NAN, "reason": "12 observations"},
    ]
    found = shrunk(betas(*rows))
    assert np.isnan(found.loc[901, "beta"])
    assert np.isnan(found.loc[901, "prior"])
    assert found.loc[901, "reason"] == "12 observations"
    assert found.loc[1, "beta"] == pytest.approx(0.88)  # and it doesn't count in the prior


def test_the_prior_is_the_cross_section_of_the_session_before(book, betas, notes):
    earlier = shrink_betas(
        betas(
            {"con_id": 1, "beta": 0.5, "beta_error": 0.1},
            {"con_id": 7, "beta": 1.1, "beta_error": 0.1},
            {"con_id": 900, "beta": 1.0, "beta_error": 0.0},
        ),
        prior=0.0,
        prior_deviation=0.001,
    )
    # Shrunk to nothing, they still count as they were regressed: what is shrunk daily must not vanish.
    assert earlier["beta"].abs().max() == 1.0
    found = shrunk(book, earlier)
    assert found["prior"][:3].tolist() == pytest.approx([0.8] * 3)
    assert found["prior_deviation"][:3].tolist() == pytest.approx([np.sqrt(0.18)] * 3)
    assert notes[-1] == "The prior is 0.8 ± 0.4243, of the previous 2 betas."


def test_toward_its_own_beta_a_contract_adds_new_evidence_to_old(book, betas):
    first = shrink_betas(book, prior=1.0, prior_deviation=0.5)
    second = shrunk(book, first, toward="own")
    # Two sights of the same error about one prior are one of an error √2 smaller.
    once = book.assign(beta_error=book["beta_error"] / np.sqrt(2))
    expected = shrunk(once, prior=1.0, prior_deviation=0.5)
    assert second["beta"].tolist() == pytest.approx(expected["beta"].tolist())
    assert second["beta_error"].tolist() == pytest.approx(expected["beta_error"].tolist())


def test_drift_lets_an_old_beta_count_less(book):
    first = shrink_betas(book, prior=1.0, prior_deviation=0.5)
    found = shrunk(book, first, toward="own", drift=0.3)
    error = first["beta_error"][0]
    assert found.loc[1, "prior_deviation"] == pytest.approx(np.sqrt(error**2 + 0.09))
    assert found.loc[1, "weight"] > shrunk(book, first, toward="own").loc[1, "weight"]


def test_a_contract_that_is_new_is_drawn_toward_the_others(book, betas):
    first = shrink_betas(book)
    today = betas({"con_id": 1, "beta": 0.8, "beta_error": 0.2}, {"con_id": 5, "beta": 2.0, "beta_error": 0.4})
    found = shrunk(today, first, toward="own")
    assert found.loc[1, "prior"] == pytest.approx(0.88)
    assert (found.loc[5, "prior"], found.loc[5, "beta"]) == pytest.approx((1.2, 1.6))


def test_betas_to_another_benchmark_are_no_prior(book, betas, notes):
    other = shrink_betas(
        betas({"con_id": 1, "beta": 5.0, "beta_error": 0.1, "benchmark_id": 901}), prior=5.0, prior_deviation=1.0
    )
    assert shrunk(book, other).loc[2, "prior"] == pytest.approx(1.2)
    assert "to another benchmark" in notes[0]


def test_betas_without_errors_are_refused(book):
    with pytest.raises(DataProblem, match=r"1 beta has no standard error, which says how far to draw it: C2"):
        shrink_betas(book.assign(beta_error=[0.2, NAN, 0.1, 0.0]))


def test_one_contract_makes_no_cross_section(betas):
    alone = betas({"con_id": 1, "beta": 0.8, "beta_error": 0.2}, {"con_id": 900, "beta": 1.0})
    with pytest.raises(
        DataProblem, match=r"two betas or more, and today's are 1 .* Give `prior` and `prior_deviation`"
    ):
        shrink_betas(alone)
    assert shrunk(alone, prior=1.0, prior_deviation=0.2).loc[1, "beta"] == pytest.approx(0.9)


def test_no_betas_at_all_are_no_betas(betas):
    assert shrunk(betas()).empty

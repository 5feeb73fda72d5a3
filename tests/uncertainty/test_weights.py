"""What weights mean: frequencies are repeated rows, probabilities are of single rows, in any unit."""

import numpy as np
import pytest

import fastperceptron as fp
from inferences import COVARIANCES, asked, table, unpenalised

FIGURES = ("log_likelihood", "null_log_likelihood", "tjur_r2", "n", "df_residual", "aic", "bic")


@pytest.mark.parametrize("how", COVARIANCES)
def test_a_row_of_frequency_2_is_two_rows_and_one_of_0_is_none(how: str) -> None:
    X, y, groups = table()
    weights = np.random.default_rng(0).integers(4, size=len(y))
    groups = np.where(weights == 0, 99, groups)  # a group without weight
    rows = np.repeat(np.arange(len(y)), weights)
    weighted = fp.inference(unpenalised(X, y, weights), X, y, weights, **asked(how, groups))
    repeated = fp.inference(unpenalised(X[rows], y[rows]), X[rows], y[rows], **asked(how, groups[rows]))
    np.testing.assert_allclose(weighted.standard_error, repeated.standard_error, rtol=1e-7)
    for name in FIGURES:
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=1e-9), name
    assert isinstance(weighted.n, int)


@pytest.mark.parametrize("how", COVARIANCES[1:])
def test_the_unit_of_probability_weights_does_not_matter(how: str) -> None:
    X, y, groups = table()
    weights = np.random.default_rng(0).uniform(size=len(y))
    weights[::7] = 0.0
    one, other = (
        fp.inference(unpenalised(X, y, w), X, y, w, weights="probability", **asked(how, groups))
        for w in (weights, 7 * weights)
    )
    np.testing.assert_allclose(one.standard_error, other.standard_error, rtol=1e-7)
    assert one.n == np.count_nonzero(weights)
    for name in FIGURES:
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-7), name


def test_statsmodels_weights() -> None:
    sm = pytest.importorskip("statsmodels.api")
    X, y, _ = table()
    weights = np.random.default_rng(0).uniform(0.5, 3, size=len(y))
    for meaning, name in (("frequency", "freq_weights"), ("probability", "var_weights")):
        found = fp.inference(unpenalised(X, y, weights), X, y, weights, covariance="HC0", weights=meaning)
        model = sm.GLM(y.astype(float), sm.add_constant(X), family=sm.families.Binomial(), **{name: weights})
        np.testing.assert_allclose(found.standard_error, model.fit(tol=1e-13, cov_type="HC0").bse, rtol=1e-6)


def test_probability_weights_have_no_classical_errors() -> None:
    X, y, _ = table()
    with pytest.raises(ValueError, match="weights='probability' has no classical standard errors"):
        fp.inference(unpenalised(X, y), X, y, weights="probability")


@pytest.mark.parametrize("class_weight", [{0: 2.0, 1: 0.5}, "balanced"])
def test_class_weights_are_those_of_the_fit(class_weight: object) -> None:
    X, y, _ = table()
    found = fp.inference(unpenalised(X, y, class_weight=class_weight), X, y, covariance="robust")
    assert found.distance < 1e-5
    assert found.n == len(y)

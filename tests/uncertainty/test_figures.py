"""Figures are those of the textbook's formulas, and of statsmodels, for any columns, weights and covariance."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config
from scipy import stats

import fastperceptron as fp
from inferences import COVARIANCES, asked, covariance_at, inference_at, table, unpenalised
from oracle import losses_at


@given(seed=st.integers(0, 1000), n_features=st.integers(1, 9), how=st.sampled_from(COVARIANCES))
def test_covariance_and_likelihood_are_the_textbooks(seed: int, n_features: int, how: str) -> None:
    X, y, groups = table(seed, n_features)
    parameters = np.linspace(0.5, -0.5, n_features + 1)
    found = inference_at(parameters, X, y, **asked(how, groups))
    expected = covariance_at(X, y, parameters, how, groups)
    roots = np.sqrt(expected.diagonal())
    np.testing.assert_allclose(found.covariance_matrix, expected, atol=1e-10 * roots.max() ** 2)
    np.testing.assert_allclose(found.standard_error, roots, rtol=1e-10)
    cost = losses_at("log_loss", np.column_stack([np.ones(len(X)), X]) @ parameters, y)[0]
    assert found.log_likelihood == pytest.approx(-cost.sum(), rel=1e-12)
    share = y.mean()
    null = len(y) * (share * np.log(share) + (1 - share) * np.log(1 - share))
    assert found.null_log_likelihood == pytest.approx(null, rel=1e-12)


@pytest.mark.parametrize("how", COVARIANCES)
@pytest.mark.parametrize("exponent", [-600, -100, 0, 100, 600])
@pytest.mark.parametrize("shift", [0.0, 2.0**20])
def test_units_and_offsets_of_columns_lose_no_digits(how: str, exponent: int, shift: float) -> None:
    X, y, groups = table()
    X = np.round(X * 2**20) / 2**20  # so that the shift is exact
    parameters = np.array([0.5, 1.0, -0.5, 0.25])
    expected = np.sqrt(covariance_at(X, y, parameters, how, groups).diagonal())
    moved = X.copy()
    moved[:, 1] = np.ldexp(X[:, 1] + shift, exponent)
    raw = parameters.copy()
    raw[2], raw[0] = np.ldexp(parameters[2], -exponent), parameters[0] - parameters[2] * shift
    found = inference_at(raw, moved, y, **asked(how, groups))
    np.testing.assert_allclose(np.ldexp(found.standard_error[2], exponent), expected[2], rtol=1e-8)
    np.testing.assert_allclose(found.standard_error[[1, 3]], expected[[1, 3]], rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [40, 260])
@pytest.mark.compiled
def test_wide_rows_of_any_precision(dtype: type, n_features: int) -> None:
    X, y, _ = table(1, n_features, 3000)
    X = (X / n_features**0.5).astype(dtype)
    parameters = np.linspace(0.5, -0.5, n_features + 1)
    found = inference_at(parameters, X, y, covariance="HC0")
    expected = covariance_at(X.astype(np.float64), y, parameters, "HC0")
    np.testing.assert_allclose(found.standard_error, np.sqrt(expected.diagonal()), rtol=1e-10)


def test_z_p_intervals_odds_and_criteria_follow_from_them() -> None:
    X, y, _ = table()
    found = fp.inference(unpenalised(X, y), X, y, level=0.9)
    z = found.coef / found.standard_error
    np.testing.assert_allclose(found.z, z)
    np.testing.assert_allclose(found.p_value, 2 * stats.norm.sf(np.abs(z)), rtol=1e-12)
    np.testing.assert_allclose(found.interval.T, stats.norm.interval(0.9, found.coef, found.standard_error))
    np.testing.assert_allclose(found.odds_ratio_interval, np.exp(found.interval))
    k, n = 4, len(y)
    assert (found.df_model, found.df_residual, found.n) == (k - 1, n - k, n)
    assert found.aic == pytest.approx(2 * k - 2 * found.log_likelihood)
    assert found.bic == pytest.approx(k * np.log(n) - 2 * found.log_likelihood)
    assert found.mcfadden_r2 == pytest.approx(1 - found.log_likelihood / found.null_log_likelihood)
    p = unpenalised(X, y).predict_proba(X)[:, 1]
    assert found.tjur_r2 == pytest.approx(p[y == 1].mean() - p[y == 0].mean())
    test = found.likelihood_ratio_test
    assert test.p_value == pytest.approx(stats.chi2.sf(found.null_deviance - found.deviance, k - 1))
    # car::vif in R, of a generalised linear model: the diagonal of the inverse correlations of the weights.
    errors = np.sqrt(found.covariance_matrix.diagonal())[1:]
    correlations = found.covariance_matrix[1:, 1:] / np.outer(errors, errors)
    np.testing.assert_allclose(found.variance_inflation[1:], np.linalg.inv(correlations).diagonal())


def test_tails_of_p_keep_their_digits() -> None:
    X, y, _ = table(n_features=1, n_rows=60 if config.DISABLE_JIT else 4000)
    found = fp.inference(unpenalised(X, y), X, y)
    np.testing.assert_allclose(found.p_value, np.exp(np.log(2) + stats.norm.logsf(np.abs(found.z))), rtol=1e-9)


def test_a_penalty_is_part_of_the_information() -> None:
    X, y, _ = table()
    X = X * [1.0, 100.0, 0.01] + 5
    for options in ({}, {"standardize": False}, {"fit_intercept": False}):
        classifier = unpenalised(X, y, C=0.1, **options)
        found = fp.inference(classifier, X, y)
        assert found.distance < 1e-4  # of the penalised optimum
        assert "posterior mode" in str(found)
        has_intercept = int(options.get("fit_intercept", True))
        rows = np.column_stack([np.ones(len(X)), X]) if has_intercept else X
        curvature = losses_at("log_loss", classifier.decision_function(X), y)[2]
        units = X.var(axis=0) if options.get("standardize", True) else np.ones(3)
        penalty = np.append(np.zeros(has_intercept), units / 0.1)
        expected = np.linalg.inv((rows * curvature[:, None]).T @ rows + np.diag(penalty))
        np.testing.assert_allclose(found.standard_error, np.sqrt(expected.diagonal()), rtol=1e-8)


def test_a_model_without_intercept_is_compared_with_one_of_even_odds_unless_a_column_is_constant() -> None:
    X, y, _ = table()
    plain = fp.inference(unpenalised(X, y, fit_intercept=False), X, y)
    assert plain.names == ("x0", "x1", "x2")
    assert plain.null_log_likelihood == pytest.approx(len(y) * np.log(0.5))
    assert plain.df_model == 3
    with_ones = np.column_stack([np.full(len(y), 2.0), X])
    own = fp.inference(unpenalised(with_ones, y, fit_intercept=False), with_ones, y)
    usual = fp.inference(unpenalised(X, y), X, y)
    assert own.null_log_likelihood == pytest.approx(usual.null_log_likelihood)
    np.testing.assert_allclose(own.standard_error * [2, 1, 1, 1], usual.standard_error, rtol=1e-6)
    assert own.df_model == usual.df_model == 3


@pytest.mark.parametrize("how", COVARIANCES[1:])
def test_the_squared_error_has_sandwiches_only(how: str) -> None:
    X, y, groups = table()
    classifier = fp.PerceptronClassifier(loss="squared_error", C=float("inf"), tol=1e-7).fit(X, y)
    found = fp.inference(classifier, X, y, **asked(how, groups))
    rows = np.column_stack([np.ones(len(X)), X])
    _, slope, curvature = losses_at("squared_error", classifier.decision_function(X), y)
    bread, scores = np.linalg.inv((rows * curvature[:, None]).T @ rows), rows * slope[:, None]
    factor, (n, k) = 1.0, rows.shape
    if how == "cluster":
        scores = np.array([scores[groups == group].sum(axis=0) for group in np.unique(groups)])
        factor = len(scores) / (len(scores) - 1) * (n - 1) / (n - k)
    factor = n / (n - k) if how == "HC1" else factor
    expected = factor * bread @ scores.T @ scores @ bread
    np.testing.assert_allclose(found.standard_error, np.sqrt(expected.diagonal()), rtol=1e-8)
    assert np.isnan([found.log_likelihood, found.aic, found.tjur_r2]).all()
    assert "no likelihood" in str(found)
    with pytest.raises(ValueError, match=r"loss='squared_error' has no likelihood.*covariance='HC1'"):
        fp.inference(classifier, X, y)


@pytest.mark.parametrize("how", COVARIANCES)
def test_statsmodels_logit_and_glm(how: str) -> None:
    sm = pytest.importorskip("statsmodels.api")
    for seed in range(2 if config.DISABLE_JIT else 10):
        X, y, groups = table(seed, 1 + seed % 5)
        found = fp.inference(unpenalised(X, y), X, y, **asked(how, groups))
        options = {"cov_type": "nonrobust" if how == "classical" else how}
        options |= {"cov_kwds": {"groups": groups}} if how == "cluster" else {}
        # Their HC1 is HC0.
        factor = np.sqrt(len(y) / (len(y) - len(found.coef))) if how == "HC1" else 1.0
        rows = sm.add_constant(X)
        logit = sm.Logit(y.astype(float), rows).fit(disp=0, method="newton", tol=1e-12, **options)
        glm = sm.GLM(y.astype(float), rows, family=sm.families.Binomial()).fit(tol=1e-12, **options)
        for other in (logit, glm):
            np.testing.assert_allclose(found.coef, other.params, rtol=1e-6)
            np.testing.assert_allclose(found.standard_error, factor * other.bse, rtol=1e-6)
            np.testing.assert_allclose(found.z, other.tvalues / factor, rtol=1e-6)
            if how != "HC1":
                np.testing.assert_allclose(found.p_value, other.pvalues, rtol=1e-6)
                np.testing.assert_allclose(found.interval, other.conf_int(), rtol=1e-6)
            assert found.log_likelihood == pytest.approx(other.llf, rel=1e-9)
            assert found.aic == pytest.approx(other.aic, rel=1e-9)
        assert found.likelihood_ratio_test.p_value == pytest.approx(logit.llr_pvalue, rel=1e-6)
        assert found.bic == pytest.approx(logit.bic, rel=1e-9)
        assert found.mcfadden_r2 == pytest.approx(logit.prsquared, rel=1e-6)
        wald = logit.wald_test(np.eye(len(found.coef))[1:], use_f=False, scalar=True)
        assert found.wald_test(list(found.names[1:])).statistic == pytest.approx(wald.statistic / factor**2, rel=1e-6)
        if how == "classical":
            influence, theirs = fp.inference(unpenalised(X, y), X, y).influence(X, y), glm.get_influence()
            np.testing.assert_allclose(influence.leverage, theirs.hat_matrix_diag, rtol=1e-6)
            np.testing.assert_allclose(influence.cooks_distance, theirs.cooks_distance[0], rtol=1e-5)

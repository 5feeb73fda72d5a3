"""Coefficients that the data do not determine are named, and have no numbers that mean nothing."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import fastperceptron as fp
from inferences import table, unpenalised


def told(X: np.ndarray, y: np.ndarray, **options: object) -> tuple[fp.Inference, list[str]]:
    """Return the inference of a fit, and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        classifier = unpenalised(X, y, **options)
        warnings.simplefilter("always")
        found = fp.inference(classifier, X, y)
    return found, [str(each.message) for each in caught]


# Far from 0, float32 rounds a combination to another column.
@pytest.mark.parametrize(("dtype", "shift"), [(np.float32, 0.0), (np.float64, 0.0), (np.float64, 100.0)])
def test_collinear_columns_are_named_and_the_others_have_their_errors(dtype: type, shift: float) -> None:
    X, y, _ = table()
    rows = np.column_stack([X + shift, X[:, 0] - 2 * X[:, 2] + 1]).astype(dtype)
    found, messages = told(rows, y)
    assert len(messages) == 1
    assert "'x3' is a combination of 'x0', 'x2'" in messages[0]
    assert found.not_determined[-3:] == ("x0", "x2", "x3")
    assert np.isnan(found.standard_error[[1, 3, 4]]).all()
    alone = fp.inference(unpenalised(X.astype(dtype), y), X.astype(dtype), y)
    assert found.standard_error[2] == pytest.approx(alone.standard_error[2], rel=1e-4)
    assert found.df_model == 3
    assert found.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-4)


def test_the_dummy_variable_trap_involves_the_intercept() -> None:
    X, y, _ = table()
    levels = np.random.default_rng(1).integers(3, size=len(y))
    rows = np.column_stack([X[:, :1], levels[:, None] == np.arange(3)]).astype(float)
    found, messages = told(rows, y)
    assert "'x3' is a combination of" in messages[0]
    assert found.not_determined == ("(Intercept)", "x1", "x2", "x3")
    assert np.isfinite(found.standard_error[1])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e7, -3e-9])
def test_constant_columns_are_named_and_change_nothing_else(value: float) -> None:
    X, y, _ = table()
    found, messages = told(np.column_stack([X, np.full(len(y), value)]), y)
    assert messages
    assert "constant columns: 'x3'" in messages[0]
    alone = fp.inference(unpenalised(X, y), X, y)
    np.testing.assert_allclose(found.standard_error[:-1], alone.standard_error, rtol=1e-7)
    assert np.isnan(found.standard_error[-1])


def test_a_penalty_determines_collinear_columns() -> None:
    X, y, _ = table()
    found, messages = told(np.column_stack([X, X[:, 0] + X[:, 1]]), y, C=1.0)
    assert messages == []
    assert np.isfinite(found.standard_error).all()


def test_perfectly_separated_classes_have_infinite_errors() -> None:
    X, _, _ = table()
    found, messages = told(X, (X[:, 0] + X[:, 1] > 0.2).astype(int))
    assert "separated perfectly" in messages[0]
    assert "'x0'" in messages[0]
    assert np.isinf(found.standard_error).all()
    assert np.isnan(found.p_value).all()
    assert (found.interval == [-np.inf, np.inf]).all()


@pytest.mark.parametrize(("unit", "shift"), [(1.0, 0.0), (100.0, 3.0), (1e-3, 0.0)])
def test_quasi_completely_separated_classes_name_the_column(unit: float, shift: float) -> None:
    X, y, _ = table()
    flag = np.random.default_rng(1).random(len(y)) < 0.06
    y = np.where(flag, 1, y)
    found, messages = told(np.column_stack([X, flag * unit + shift]), y)
    assert "separated quasi-completely" in messages[0]
    assert "'x3'" in messages[0]
    assert found.infinite == (("(Intercept)", "x3") if shift else ("x3",))
    # The others are those of the rows that are not separated.
    rest = fp.inference(unpenalised(X[~flag], y[~flag]), X[~flag], y[~flag])
    places = [1, 2, 3] if shift else [0, 1, 2, 3]
    np.testing.assert_allclose(found.standard_error[places], rest.standard_error[places], rtol=1e-2)


def test_separated_rows_whose_curvature_is_rounded_away_are_not_taken_for_a_constant_column() -> None:
    X, y, _ = table()
    flag = np.random.default_rng(1).random(len(y)) < 0.06
    y = np.where(flag, 1, y)
    rows = np.column_stack([X, flag])
    classifier = unpenalised(X[~flag], y[~flag])
    classifier.coef_, classifier.n_features_in_ = np.append(classifier.coef_, [[60.0]], axis=1), 4
    with pytest.warns(ConvergenceWarning, match="quasi-completely.*'x3'"):
        found = fp.inference(classifier, rows, y)
    assert found.infinite == ("x3",)
    assert found.not_determined == ()


def test_overlapping_classes_are_not_taken_for_separated() -> None:
    for seed in range(20):
        X, y, _ = table(seed)
        _, messages = told(4 * X, y)
        assert not any("separated" in each for each in messages)


def test_coefficients_far_from_the_optimum_are_told() -> None:
    X, y, _ = table()
    classifier = unpenalised(X, y)
    classifier.coef_ = 2 * classifier.coef_
    with pytest.warns(ConvergenceWarning, match=r"are [\d.]+ standard errors from the optimum for these rows"):
        fp.inference(classifier, X, y)


def test_the_default_tolerance_is_near_enough() -> None:
    X, y, _ = table()
    found, messages = told(X, y, tol=0.01)
    assert messages == []
    assert found.distance < 0.05

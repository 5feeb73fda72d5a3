"""Calibration equals scikit-learn's, SciPy's and plain-Python formulas, for any chunks, weights and numbers of rows."""

import math
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, strategies as st
from numba.core import config
from scipy.stats import binomtest, norm
from sklearn import metrics
from sklearn.calibration import calibration_curve

import fastperceptron as fp
from fastperceptron.data.holdout import Part
from fastperceptron.evaluation import cells

MODEL = fp.Perceptron([1.0], 0.0, ["no", "yes"])
THREE = fp.Perceptron([[1.0], [-0.5], [0.2]], [0.1, 0.0, -0.3], ["a", "b", "c"])
# Few distinct values, so that there are ties; none is a quantile that interpolation could round past a neighbour.
ROWS = st.lists(st.tuples(st.integers(-12, 12), st.booleans(), st.sampled_from([0.5, 1.0, 2.0, 3.7])), min_size=4)


def arrays(rows: list[tuple[int, bool, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z, y, weights = zip(*rows, strict=True)
    return np.array(z)[:, None] / 4, np.array(["no", "yes"])[np.array(y, int)], np.array(weights)


def fields(found: Any) -> list[Any]:
    """Return all numbers of a calibration, to the bit."""
    own = [v.tobytes() if isinstance(v, np.ndarray) else repr(v) for k, v in vars(found).items() if k != "by_class"]
    return own + [fields(each) for each in found.by_class.values()]


def chunks_of(X: Any, y: Any, weights: Any, sizes: list[int]) -> Iterator[tuple[np.ndarray, ...]]:
    start = 0
    for size in [*sizes, len(X)]:
        if start < len(X):
            yield X[start : start + size], y[start : start + size], weights[start : start + size]
        start += size


def delong(z: list[float], y: list[bool], level: float) -> tuple[float, float, float]:
    """Return the AUC and DeLong's interval, by comparing all pairs."""
    high, low = ([each for each, own in zip(z, y, strict=True) if own == side] for side in (True, False))
    won = [[(a > b) + (a == b) / 2 for b in low] for a in high]
    area = sum(map(sum, won)) / len(high) / len(low)
    of_high = [sum(row) / len(low) for row in won]
    of_low = [sum(column) / len(high) for column in zip(*won, strict=True)]
    variance = sum(sum((each - area) ** 2 for each in v) / (len(v) - 1) / len(v) for v in (of_high, of_low))
    half = norm.ppf((1 + level) / 2) * math.sqrt(variance)
    return area, max(area - half, 0), min(area + half, 1)


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
@given(rows=ROWS, n_bins=st.sampled_from([1, 2, 4, 8, 16]))
def test_the_curve_is_scikit_learns(strategy: str, rows: list, n_bins: int) -> None:
    X, y, _ = arrays(rows)
    found = fp.calibration(MODEL, (X, y), n_bins=n_bins, strategy=strategy)
    p = MODEL.predict_proba(X)[:, 1]
    observed, predicted = calibration_curve(y, p, pos_label="yes", n_bins=n_bins, strategy=strategy)
    np.testing.assert_allclose(found.observed, observed, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.predicted, predicted, rtol=1e-12)
    assert found.rows.sum() == found.n_rows == len(y)
    assert found.weights.sum() == pytest.approx(1)


@given(ROWS)
def test_intervals_are_wilsons(rows: list) -> None:
    X, y, _ = arrays(rows)
    found = fp.calibration(MODEL, (X, y), n_bins=4, level=0.9)
    for share, n, low, high in zip(found.observed, found.rows, found.low, found.high, strict=True):
        expected = binomtest(round(share * n), n).proportion_ci(0.9, method="wilson")
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
        assert 0 <= low <= share <= high <= 1


@given(ROWS)
def test_weighted_scores_are_scikit_learns(rows: list) -> None:
    X, y, weights = arrays(rows)
    found, p = fp.calibration(MODEL, (X, y, weights)), MODEL.predict_proba(X)
    assert found.log_loss == pytest.approx(metrics.log_loss(y, p, sample_weight=weights, labels=["no", "yes"]))
    brier = metrics.brier_score_loss(y, p[:, 1], sample_weight=weights, pos_label="yes")
    assert found.brier == pytest.approx(brier)
    assert found.brier == pytest.approx(found.brier_calibration + found.brier_refinement + found.brier_within)
    assert found.accuracy == pytest.approx(np.average(MODEL.predict(X) == y, weights=weights))
    if len(set(y)) == 2:
        assert found.auc == pytest.approx(metrics.roc_auc_score(y == "yes", X[:, 0], sample_weight=weights))
        assert found.auc_error == 0


@given(ROWS, st.floats(0.5, 0.999))
def test_the_interval_of_the_auc_is_delongs(rows: list, level: float) -> None:
    X, y, _ = arrays(rows)
    counts = [(y == "yes").sum(), (y == "no").sum()]
    found = fp.calibration(MODEL, (X, y, np.full(len(y), 0.3)), level=level)
    if min(counts) > 1:
        expected = delong(X[:, 0].tolist(), (y == "yes").tolist(), level)
        assert (found.auc, found.auc_low, found.auc_high) == pytest.approx(expected, abs=1e-9)
    else:
        assert math.isnan(found.auc_low)
        assert math.isnan(found.auc_high)
        assert math.isnan(found.auc) == (min(counts) == 0)


@given(ROWS, st.sampled_from([2, 8]))
def test_parts_of_the_brier_score_are_murphys(rows: list, n_bins: int) -> None:
    X, y, weights = arrays(rows)
    found = fp.calibration(MODEL, (X, y, weights), n_bins=n_bins)
    share, gap = found.weights, found.predicted - found.observed
    assert found.brier_calibration == pytest.approx(np.sum(share * gap**2))
    assert found.brier_refinement == pytest.approx(np.sum(share * found.observed * (1 - found.observed)))
    assert found.expected_calibration_error == pytest.approx(np.sum(share * abs(gap)))
    # With a bin for each distinct probability nothing is left within bins.
    finest = fp.calibration(MODEL, (X, y, weights), n_bins=10_000)
    assert finest.brier_within == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("exact_values", [1 << 18, 7])
@given(rows=ROWS, sizes=st.lists(st.integers(1, 9), max_size=8), unit=st.sampled_from([2.0**-300, 1.0, 2.0**300]))
def test_chunks_and_the_unit_of_weights_change_no_bit(exact_values: int, rows: list, sizes: list, unit: float) -> None:
    X, y, weights = arrays(rows)
    for model, labels in ((MODEL, y), (THREE, np.where(weights > 1, "c", np.where(y == "yes", "b", "a")))):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cells, "EXACT_VALUES", exact_values)
            whole = fp.calibration(model, (X, labels, weights))
            cut = fp.calibration(model, fp.dataset(chunks_of(X, labels, weights * unit, sizes)))
        assert fields(whole) == fields(cut)


@pytest.mark.parametrize("n_classes", [2, 3, 40])
def test_the_auc_of_many_rows_is_within_its_stated_error(n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    n_rows = 500 if config.DISABLE_JIT else 3000
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(n_classes, 3)) if n_classes > 2 else rng.normal(size=3)
    model = fp.Perceptron(weights, np.zeros(n_classes) if n_classes > 2 else 0.0, np.arange(n_classes))
    X, y = rng.normal(size=(n_rows, 3)) * rng.choice([0.1, 3, 1000], size=(n_rows, 1)), np.arange(n_rows) % n_classes
    exact = fp.calibration(model, (X, y))
    monkeypatch.setattr(cells, "EXACT_VALUES", 100)
    found = fp.calibration(model, (X, y))
    assert exact.auc_error == 0
    for one, other in zip([exact, *exact.by_class.values()], [found, *found.by_class.values()], strict=True):
        assert 0 < other.auc_error < 0.05
        assert abs(one.auc - other.auc) <= other.auc_error
        for name in ("log_loss", "brier", "accuracy"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-12)
        np.testing.assert_allclose(other.predicted, one.predicted, atol=0.02)
        assert other.rows.sum() == n_rows


def test_three_classes_are_those_of_scikit_learn_each_against_the_others() -> None:
    rng = np.random.default_rng(1)
    X, y, weights = rng.normal(size=(300, 1)), np.array(["a", "b", "c"])[rng.integers(3, size=300)], rng.random(300)
    found, p = fp.calibration(THREE, (X, y, weights)), THREE.predict_proba(X)
    assert found.label is None
    assert found.log_loss == pytest.approx(metrics.log_loss(y, p, sample_weight=weights))
    assert found.brier == pytest.approx(metrics.brier_score_loss(y, p, sample_weight=weights))
    assert found.brier == pytest.approx(found.brier_calibration + found.brier_refinement + found.brier_within)
    each = found.by_class
    assert list(each) == ["a", "b", "c"]
    assert found.auc == pytest.approx(np.mean([own.auc for own in each.values()]))
    assert found.brier == pytest.approx(sum(own.brier for own in each.values()))
    for k, (label, own) in enumerate(each.items()):
        is_own = y == label
        assert own.log_loss == pytest.approx(metrics.log_loss(is_own, p[:, k], sample_weight=weights))
        assert own.auc == pytest.approx(metrics.roc_auc_score(is_own, p[:, k], sample_weight=weights))
        assert fields(own) == fields(fp.calibration(THREE, (X, y, weights), pos_label=label))
    observed, predicted = calibration_curve(THREE.predict(X) == y, p.max(axis=1), n_bins=8, strategy="quantile")
    top = fp.calibration(THREE, (X, y), n_bins=8)
    np.testing.assert_allclose([top.observed, top.predicted], [observed, predicted])


def test_either_class_may_be_the_positive_one() -> None:
    X, y = np.array([[-2.0], [0.5], [1.0], [0.1]]), ["no", "yes", "no", "no"]
    yes, no = (fp.calibration(MODEL, (X, y), pos_label=label) for label in ("yes", "no"))
    np.testing.assert_allclose(no.predicted, 1 - yes.predicted[::-1])
    assert (yes.auc, yes.brier, yes.log_loss) == pytest.approx((no.auc, no.brier, no.log_loss))


@pytest.mark.parametrize("exact_values", [1 << 18, 1])
@pytest.mark.parametrize(
    ("z", "y", "expected"),
    [
        # All of one class: no AUC.
        ([-1.0, 0.0, 2.0], [1, 1, 1], {"auc": math.nan, "auc_low": math.nan, "auc_high": math.nan}),
        ([-1.0, 0.0, 2.0], [0, 0, 0], {"auc": math.nan, "brier_refinement": 0.0}),
        # One row; fewer rows than bins.
        ([0.0], [1], {"rows": [1], "log_loss": math.log(2), "brier": 0.25, "auc": math.nan}),
        ([0.0, 1.0], [0, 1], {"rows": [1, 1], "auc": 1.0, "auc_low": math.nan}),
        # Constant predictions: one bin.
        ([0.0] * 6, [0, 1, 1, 0, 1, 0], {"rows": [6], "predicted": [0.5], "observed": [0.5], "auc": 0.5}),
        # Probabilities of 0 and 1, right and wrong: the log loss is that of z.
        ([-900.0, 900.0], [1, 0], {"log_loss": 900.0, "brier": 1.0, "auc": 0.0, "expected_calibration_error": 1.0}),
        ([-900.0, 900.0] * 2, [0, 1] * 2, {"log_loss": 0.0, "brier": 0.0, "auc": 1.0, "auc_low": 1.0}),
        ([math.inf, -1.0], [0, 1], {"log_loss": math.inf, "auc": 0.0}),
        ([1.7e308, 1.7e308], [0, 0], {"log_loss": math.inf}),
    ],
)
def test_corner_cases(exact_values: int, z: list, y: list, expected: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "EXACT_VALUES", exact_values)
    model = fp.Perceptron([10.0], 0.0, ["no", "yes"])
    X = np.minimum(np.array(z), 1e308)[:, None] / ([1] if math.inf in z else [10.0])
    labels = np.array(["no", "yes"])[y]
    found = fp.calibration(model, (X, labels))
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(found, name), value, err_msg=name)
    said = str(found)
    assert ("not defined: a class has no rows" in said) == math.isnan(found.auc)
    assert ("has the probability 0" in said) == math.isinf(found.log_loss)
    # Rows of weight 0 are as if they were not there.
    more = np.append(X, [[3.0], [-0.2]], axis=0), np.append(labels, ["no", "yes"]), np.append(np.ones(len(z)), [0, 0])
    assert fields(fp.calibration(model, more)) == fields(found)


def test_labels_must_be_known_and_some_rows_must_count() -> None:
    X = np.array([[0.0], [1.0]])
    for data, message in (
        ((X, ["yes", "maybe"]), "y holds 'maybe' in row 1, but the model knows"),
        ((X, ["yes", "no"], [0, 0]), "all weights are zero"),
        (fp.dataset(X), "this data set has no labels"),
        (Part(fp.dataset((X, ["yes", "no"])), 0.0, is_held_out=True), "the data set has no rows"),
    ):
        with pytest.raises(ValueError, match=message):
            fp.calibration(MODEL, data)


def test_a_row_that_is_not_finite_is_named_by_its_number_among_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastperceptron.evaluation.comparison.MOST_ROWS", 4)
    X, y = np.zeros((20, 1)), np.tile(["no", "yes"], 10)
    X[13] = np.nan
    for data in ((X, y), fp.dataset(chunks_of(X, y, np.ones(20), [5, 6]))):
        with pytest.raises(ValueError, match="row 13"):
            fp.calibration(MODEL, data)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_bins": 0}, ValueError, "n_bins must be at least 1"),
        ({"n_bins": 2.5}, TypeError, "n_bins must be a whole number"),
        ({"strategy": "mass"}, ValueError, "strategy must be one of 'quantile', 'uniform'"),
        ({"level": 1}, ValueError, "level must be between 0 and 1, but is 1"),
        ({"level": 95}, ValueError, "level must be between 0 and 1, but is 95"),
        ({"level": "0.9"}, ValueError, "level must be between 0 and 1"),
        ({"pos_label": 1}, ValueError, r"pos_label=1 is not a valid label. It should be one of \['no', 'yes'\]"),
    ],
)
def test_wrong_options_are_refused(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fp.calibration(MODEL, ([[0.0], [1.0]], ["no", "yes"]), **options)


@pytest.mark.parametrize("judge", [fp.evaluate, fp.calibration])
def test_data_are_read_once_in_memory_that_does_not_grow_with_the_rows(judge: Any) -> None:
    if config.DISABLE_JIT:
        pytest.skip("a million rows take minutes in interpreted kernels")
    reads = 0

    def chunks(n_chunks: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        nonlocal reads
        reads += 1
        rng = np.random.default_rng(0)
        for _ in range(n_chunks):
            X = rng.normal(size=(50_000, 1))
            yield X, (X[:, 0] + rng.normal(size=len(X)) > 0).astype(int)

    model = fp.Perceptron([1.0], 0.0, [0, 1])
    judge(model, fp.dataset(lambda: chunks(1)))
    peaks = []
    for n_chunks in (10, 40):
        tracemalloc.start()
        judge(model, fp.dataset(lambda n_chunks=n_chunks: chunks(n_chunks)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert reads <= 6  # the first chunk is also looked at for the shape
    assert peaks[1] < 1.05 * peaks[0] < 60e6


def test_it_is_shown_as_a_table_and_as_a_frame() -> None:
    X, y, weights = np.linspace(-2, 2, 40)[:, None], np.tile(["no", "yes"], 20), np.tile([1.0, 2.0], 20)
    found = fp.calibration(MODEL, (X, y, weights), n_bins=4, level=0.9)
    said = str(found).splitlines()
    assert said[0] == "Calibration of class yes: 40 rows, bins of equal weight"
    assert "90% interval" in said[1]
    assert len(said) == 2 + 4 + 4
    assert repr(found).startswith("Calibration(of class yes: 40 rows, ECE 0.")
    for backend, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        frame = found.to_frame(backend)
        assert isinstance(frame, kind)
        assert list(frame.columns) == ["predicted", "observed", "low", "high", "rows", "weights"]
        assert frame["rows"].to_list() == found.rows.tolist()
    of_three = str(fp.calibration(THREE, (X, np.resize(["a", "b", "c"], 40))))
    assert "of the predicted class" in of_three
    assert "each class against all others" in of_three
    with pytest.raises(ValueError, match="read-only"):
        found.predicted[0] = 1

"""What online Newton promises of any rows: weights, layouts, copies, refusals, its curve; and what it is made of."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron.data.arrays import ArrayRows
from fastperceptron.training.coordinates import Move
from fastperceptron.training.online.kept_rows import KeptRows, kept_size
from fastperceptron.training.online.online import OnlineNewton
from fastperceptron.training.online.running_columns import RunningColumns
from fastperceptron.training.problem import NewtonOptions, Problem
from oracle import losses_at
from tables import bits, drawn_labels, layouts

LOSSES = ["log_loss", "squared_error"]
N_ROWS, N_FEATURES = 40_000, 8
ROWS = st.integers(1, 60)


def made() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_FEATURES)).astype(np.float32)
    return X, drawn_labels(X[:, 0] + X[:, 1], rng)


def problem_of(X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Problem:
    return Problem(ArrayRows(X), y, 2, weights)


def taught(
    X: np.ndarray,
    y: np.ndarray,
    options: NewtonOptions,
    chunk: int,
    weights: np.ndarray | None = None,
    engine: OnlineNewton | None = None,
) -> OnlineNewton:
    engine = engine or OnlineNewton(X.shape[1], 2, options)
    for start in range(0, len(y), chunk):
        part = slice(start, start + chunk)
        engine.update(problem_of(X[part], y[part], None if weights is None else weights[part]))
    return engine


@given(ROWS, st.integers(1, 5), st.sampled_from(LOSSES), st.booleans())
def test_weight_two_is_two_rows_and_weight_zero_none(n_rows: int, n_features: int, loss: str, fit: bool) -> None:
    rng = np.random.default_rng(n_rows)
    X, y, weights = rng.normal(size=(n_rows, n_features)), rng.integers(2, size=n_rows), rng.integers(3, size=n_rows)
    weights[0] = 2
    options, own = NewtonOptions(loss, fit_intercept=fit), weights.astype(float)
    weighted = taught(X, y, options, n_rows, own)
    repeated = taught(np.repeat(X, weights, axis=0), np.repeat(y, weights), options, 2 * n_rows).solution
    np.testing.assert_allclose(weighted.solution.weights, repeated.weights, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(weighted.solution.bias, repeated.bias, rtol=1e-6, atol=1e-8)
    present = taught(X[weights > 0], y[weights > 0], options, n_rows, own[weights > 0])
    assert bits(present) == bits(weighted)


@pytest.mark.compiled  # too many rows to interpret
@given(st.integers(1, 3000), st.integers(1, 5), st.sampled_from([np.float32, np.float64]), st.integers(1, 4))
def test_no_layout_changes_a_bit(tmp_path_factory, n_rows: int, n_features: int, dtype: type, n_chunks: int) -> None:
    rng = np.random.default_rng(n_rows)
    X, y = rng.normal(size=(n_rows, n_features)).astype(dtype), rng.integers(2, size=n_rows)
    options, chunk = NewtonOptions("log_loss"), -(-n_rows // n_chunks)
    expected = bits(taught(X, y, options, chunk))
    same = layouts(X, tmp_path_factory.mktemp("rows")) | {"float64": X.astype(np.float64)}
    for name, other in same.items():
        assert bits(taught(other, y, options, chunk)) == expected, name


@pytest.mark.compiled
def test_copies_go_on_alike() -> None:
    options, (X, y) = NewtonOptions("log_loss"), made()
    engine = taught(X[:5000], y[:5000], options, 1000)
    copies = [pickle.loads(pickle.dumps(engine)), copy.deepcopy(engine)]
    before = bits(engine)
    taught(X[5000:9000], y[5000:9000], options, 1000, engine=engine)
    for other in copies:
        assert bits(other) == before
        taught(X[5000:9000], y[5000:9000], options, 1000, engine=other)
        assert bits(other) == bits(engine) != before


@pytest.mark.compiled  # tens of thousands of rows
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_refused_leave_no_trace(value: float) -> None:
    options, (X, y) = NewtonOptions("log_loss"), made()
    engine, twin = taught(X[:5000], y[:5000], options, 1000), taught(X[:5000], y[:5000], options, 1000)
    before, spoilt = bits(engine), X.copy()
    spoilt[39_000, 3] = value  # in the last block of the chunk
    with pytest.raises(ValueError, match=r"row 39000, column 3"):
        engine.update(problem_of(spoilt, y))
    with pytest.raises(ValueError, match=r"row 39000, column 3"):
        engine.update(problem_of(spoilt, y, (np.arange(len(y)) != 39_000).astype(float)))
    with pytest.raises(ValueError, match="overflows beside that of the first rows"):
        taught(X[:1], y[:1], options, 1, np.array([1e-300])).update(problem_of(X, y, np.full(len(y), 1e300)))
    assert bits(engine) == before
    engine.update(problem_of(X, y))
    twin.update(problem_of(X, y))
    assert bits(engine) == bits(twin)


@pytest.mark.compiled  # too many rows to interpret
def test_the_curve_is_each_chunks_loss_before_it_was_learnt() -> None:
    X, y = made()
    options = NewtonOptions("log_loss")
    engine = OnlineNewton(N_FEATURES, 2, options)
    nothing = engine.solution
    assert (nothing.n_iter, nothing.loss_curve.size, nothing.weights.any(), nothing.bias.any()) == (0, 0, False, False)
    expected = []
    for start in range(0, N_ROWS, 1000):
        part = slice(start, start + 1000)
        solution = engine.solution
        z = X[part].astype(float) @ solution.weights[0] + solution.bias[0]
        expected.append(losses_at("log_loss", z, y[part])[0].mean())
        engine.update(problem_of(X[part], y[part]))
    np.testing.assert_allclose(engine.solution.loss_curve, expected, rtol=1e-9)
    assert expected[0] == pytest.approx(math.log(2))
    assert engine.solution.n_iter == 1
    assert engine.solution.is_converged
    assert math.isnan(engine.solution.optimality_gap)


# What it is made of


def test_kept_rows_count_as_all_rows_do() -> None:
    rng = np.random.default_rng(0)
    codes, weights, size = rng.integers(3, size=50_000), 10.0 ** rng.uniform(-2, 2, size=50_000), kept_size(9)
    values = rng.normal(size=codes.size) + codes
    kept = KeptRows.empty(8, 3, size)
    for start in range(0, codes.size, 700):
        part = slice(start, start + 700)
        kept = kept.after(np.repeat(values[part, None], 8, axis=1), codes[part], weights[part])
        assert kept.is_all == (kept.n_seen <= size)
    assert kept.panel.shape == (size, 8)
    for code in range(3):
        assert kept.weights[kept.codes == code].sum() == pytest.approx(weights[codes == code].sum())
    mean, error = np.average(values, weights=weights), values.std() / math.sqrt(size)
    assert abs(np.average(kept.panel[:, 0], weights=kept.weights) - mean) < 4 * error


def test_deviations_are_exact_and_constant_columns_known() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4)) * [1e-3, 1, 1e3, 0] + [5, 1e6, -1e4, 0.1]
    weights, running = rng.uniform(size=3000), RunningColumns.of_none(4, has_intercept=True)
    for start in range(0, 3000, 7):
        running, _ = running.after(X[start : start + 7], weights[start : start + 7])
    mean = np.average(X, axis=0, weights=weights)
    deviations = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weights))
    np.testing.assert_allclose(running.coordinates.deviations[:3], deviations[:3], rtol=1e-9)
    assert running.coordinates.deviations[3] == 0
    ratio = running.coordinates.scale[:3] / deviations[:3]
    assert ((ratio >= 0.5) & (ratio <= 2)).all()


@given(st.integers(1, 30), st.integers(0, 1000))
def test_a_change_of_coordinates_changes_no_loss(n_features: int, seed: int) -> None:
    rng, bias = np.random.default_rng(seed), n_features
    size = 8 * (n_features // 8 + 1)
    ratio, shift, point, gradient = np.ones(size), np.zeros(size), np.zeros(size), np.zeros(size)
    ratio[:bias], shift[:bias] = 10.0 ** rng.uniform(-2, 2, bias), rng.normal(size=bias)
    point[: bias + 1], gradient[: bias + 1] = rng.normal(size=(2, bias + 1))
    panel = np.zeros((50, size))
    panel[:, : bias + 1] = np.column_stack([rng.normal(size=(50, bias)), np.ones(50)])
    hessian, move = panel.T @ panel, Move(ratio, shift)
    moved_panel, moved_point = move.of_rows(panel), move.of_point(point, bias)
    np.testing.assert_allclose(moved_panel @ moved_point, panel @ point, rtol=1e-9, atol=1e-9)
    scale = np.abs(ratio) + np.abs(shift)
    np.testing.assert_allclose(
        np.triu(move.of_hessian(np.triu(hessian), bias)) / scale / scale[:, None],
        np.triu(moved_panel.T @ moved_panel) / scale / scale[:, None],
        rtol=1e-9,
        atol=1e-9,
    )
    step = rng.normal(size=size) * (np.arange(size) <= bias)
    moved_step = move.of_point(step, bias)
    assert move.of_gradient(gradient, bias) @ moved_step == pytest.approx(gradient @ step, rel=1e-9, abs=1e-9)

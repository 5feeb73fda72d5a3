"""solver="sgd" against a loop in plain NumPy, its shuffle, where it stops, and the law: the same bits however run."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import fastperceptron as fp
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.training.problem import Problem, SgdOptions, Solution
from fastperceptron.training.sgd import buffers
from fastperceptron.training.sgd.sgd import minimise_by_sgd
from oracle import losses_at, standards
from tables import bits, drawn_labels, layouts

LOSSES = ["squared_error", "log_loss"]
INFINITY = float("inf")


def made(n_rows: int, n_features: int, n_classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return overlapping classes, with columns of unequal scale and offset."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(n_classes, size=n_rows).astype(np.uint8)
    centres = rng.normal(size=(n_classes, n_features))
    scale = 10.0 ** rng.integers(-1, 2, n_features)
    return (centres[codes] + rng.normal(size=(n_rows, n_features)) + rng.normal(size=n_features)) * scale, codes


def overlapping(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 rows of 20 columns, of which one in six is on the wrong side of any plane."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 20))
    codes = drawn_labels(X @ rng.normal(size=20) * 0.6, rng)
    return (X * 10.0 ** rng.integers(-3, 4, 20) + 5).astype(np.float32), codes


def fit(X: np.ndarray, codes: np.ndarray, n_classes: int = 2, *, start: Any = None, **options: Any) -> Solution:
    weights = options.pop("row_weights", None), options.pop("class_weights", None)
    return minimise_by_sgd(Problem(ArrayRows(X), codes, n_classes, *weights), SgdOptions(**options), start)


def standardised(X: np.ndarray, weights: np.ndarray, has_intercept: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return centre and scale; beside an intercept a constant column has no weight."""
    mean, scale = standards(X, weights)
    if not has_intercept:
        return np.zeros_like(mean), scale
    return mean, np.where(np.ptp(X[weights > 0], axis=0) == 0, INFINITY, scale)


def by_hand(X, is_positive, options: SgdOptions, own, in_loss) -> tuple[np.ndarray, float, float]:
    """Return a neuron's weights, bias and objective after all epochs over the rows as stored."""
    n, d = X.shape
    total, mean = in_loss.sum(), in_loss.mean()
    centre, scale = standardised(X, own, options.fit_intercept) if options.standardize else (np.zeros(d), np.ones(d))
    rows, w, b, iterates = (X - centre) / scale, np.zeros(d), 0.0, []
    for _ in range(options.max_iter):
        for first in range(0, n, options.batch_size):
            batch = slice(first, first + options.batch_size)
            slopes = losses_at(options.loss, rows[batch] @ w + b, is_positive[batch])[1] * in_loss[batch] / mean
            t = len(iterates) + 1
            rate = options.eta0 / (t**options.power_t if options.learning_rate == "invscaling" else 1.0)
            w = (w - rate * (slopes @ rows[batch]) / slopes.size) / (1 + rate / (options.C * total))
            b -= rate * slopes.mean() * options.fit_intercept
            iterates.append(np.append(w, b))
    if options.average:
        last_power = 2 ** int(np.log2(len(iterates)))
        *w, b = np.mean(iterates[max(1, last_power // 2) - 1 :], axis=0)
        w = np.array(w)
    costs, _, _ = losses_at(options.loss, rows @ w + b, is_positive)
    objective = (in_loss @ costs + w @ w / (2 * options.C)) / own.sum()
    return w / scale, b - centre @ (w / scale), objective


@given(
    n_rows=st.integers(2, 70),
    n_features=st.integers(1, 12),
    n_classes=st.integers(2, 4),
    weighting=st.sampled_from(["none", "rows", "classes", "both"]),
    seed=st.integers(0, 2**20),
    options=st.fixed_dictionaries(
        {
            "loss": st.sampled_from(LOSSES),
            "C": st.sampled_from([1e-3, 1.0, INFINITY]),
            "fit_intercept": st.booleans(),
            "standardize": st.booleans(),
            "max_iter": st.integers(1, 4),
            "batch_size": st.sampled_from([1, 1, 2, 7, 32, 1000]),
            "average": st.booleans(),
            "learning_rate": st.sampled_from(["constant", "invscaling"]),
            "eta0": st.sampled_from([0.02, 0.2]),
            "power_t": st.sampled_from([0.25, 0.5, 1.0]),
        }
    ),
)
def test_steps_are_those_of_a_plain_loop(n_rows, n_features, n_classes, weighting, seed, options) -> None:
    X, codes = made(n_rows, n_features, n_classes, seed)
    if not options["standardize"]:
        X /= np.abs(X).max(axis=0)  # long steps along large rows are chaotic: roundings grow from step to step
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 4, n_rows).astype(float) if weighting in ("rows", "both") else None
    factors = rng.uniform(0.5, 2, n_classes) if weighting in ("classes", "both") else None
    if own is not None:
        own[0] = 2.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "BUFFER_ELEMENTS", 64)  # several buffers, and batches that go on in the next
        solution = fit(X, codes, n_classes, shuffle=False, row_weights=own, class_weights=factors, **options)
    own = np.ones(n_rows) if own is None else own
    in_loss = own if factors is None else own * factors[codes]
    objectives = []
    for neuron, positive in enumerate([1] if n_classes == 2 else range(n_classes)):
        w, b, objective = by_hand(X, codes == positive, SgdOptions(**options), own, in_loss)
        np.testing.assert_allclose(solution.weights[neuron], w, rtol=1e-7, atol=1e-9)
        assert solution.bias[neuron] == pytest.approx(b, rel=1e-7, abs=1e-9)
        objectives.append(objective)
    assert solution.loss_curve[-1] == pytest.approx(sum(objectives), rel=1e-7)
    assert solution.n_iter == len(solution.loss_curve) == options["max_iter"]
    assert np.isnan([solution.optimality_gap, solution.distance]).all()
    assert not solution.is_converged


@pytest.mark.compiled  # fused multiply-adds are rounded twice where they are interpreted
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_rows", "n_features"), [(46, 4), (300, 20)])
def test_the_tutorials_loop_is_a_special_case_to_the_bit(monkeypatch, n_rows, n_features, dtype, loss) -> None:
    monkeypatch.setattr(buffers, "BUFFER_ELEMENTS", 999)
    X, codes = made(n_rows, n_features)
    X = X.astype(dtype)
    plain = {"batch_size": 1, "standardize": False, "C": INFINITY, "shuffle": False, "learning_rate": "constant"}
    solution = fit(X, codes, loss=loss, max_iter=3, eta0=0.1, **plain)
    zero = fp.Perceptron(np.zeros(n_features), 0.0, [0, 1])
    model = fp.train(
        X, codes, steps=3 * n_rows, learning_rate=0.1, loss=loss, sampling="in_order", record_every=None, initial=zero
    )
    np.testing.assert_array_equal(solution.weights[0], model.weights)
    assert solution.bias[0] == model.bias
    assert solution.loss_curve[-1] == pytest.approx(model.cost(X, codes, loss=loss), rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 8])
def test_float32_rows_are_near_those_of_float64(batch_size: int) -> None:
    X, codes = made(500, 9)
    X = (X + 1000).astype(np.float32)
    options = {"batch_size": batch_size, "max_iter": 3, "loss": "log_loss"}
    single, double = fit(X, codes, **options), fit(X.astype(np.float64), codes, **options)
    np.testing.assert_allclose(single.weights, double.weights, rtol=1e-3, atol=1e-4)


# The law


@pytest.mark.compiled  # too many rows to interpret
@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 1}, {"shuffle": False}, {"shuffle": False, "standardize": False}]
)
@pytest.mark.parametrize("n_features", [5, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layout_changes_no_bit(monkeypatch, tmp_path, dtype, n_features, options) -> None:
    monkeypatch.setattr(buffers, "BUFFER_ELEMENTS", 300)
    X, codes = made(150, n_features, 3)
    X = X.astype(dtype)
    options = {"batch_size": 16, "max_iter": 2, **options}
    for n_classes, labels in ((3, codes), (2, codes // 2)):
        expected = bits(fit(X, labels, n_classes, **options))
        for name, other in layouts(X, tmp_path).items():
            assert bits(fit(other, labels, n_classes, **options)) == expected, name


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, np.bool_])
def test_other_dtypes_are_read_as_their_values(dtype) -> None:
    X, codes = made(100, 9)
    X = (X > 0).astype(dtype)
    exact = X.astype(ArrayRows(X).dtype)
    assert bits(fit(X, codes, max_iter=2)) == bits(fit(exact, codes, max_iter=2))


def test_the_seed_decides() -> None:
    X, codes = made(600, 5)
    options = {"max_iter": 2, "batch_size": 32}
    assert bits(fit(X, codes, seed=1, **options)) == bits(fit(X, codes, seed=1, **options))
    assert bits(fit(X, codes, seed=1, **options)) != bits(fit(X, codes, seed=2, **options))
    stored = {"shuffle": False, **options}
    assert bits(fit(X, codes, seed=1, **stored)) == bits(fit(X, codes, seed=2, **stored))


# Where it stops


@pytest.mark.compiled
@pytest.mark.parametrize("loss", LOSSES)
def test_by_default_it_comes_near_the_optimum_and_stops(loss: str) -> None:
    X, y = overlapping(120_000)
    X, held_out, y, labels = X[:100_000], X[100_000:], y[:100_000], y[100_000:]

    def held_out_log_loss(**options: Any) -> float:
        classifier = fp.PerceptronClassifier(loss=loss, random_state=0, **options).fit(X, y)
        assert classifier.n_iter_ < 40
        logs = classifier.predict_log_proba(held_out)
        return -float(logs[np.arange(len(labels)), labels].mean())

    optimum = held_out_log_loss()
    assert held_out_log_loss(solver="sgd") < 1.01 * optimum
    assert held_out_log_loss(solver="sgd", average=True) < 1.001 * optimum


def test_it_stops_when_five_epochs_gained_less_than_tol_of_the_sampling_error() -> None:
    X, codes = made(300, 4)
    solution = fit(X, codes, loss="log_loss", max_iter=1000, tol=0.1)
    assert solution.is_converged
    curve, least = solution.loss_curve, 0.1 * 5 / 600
    gains = [curve[: k - 5].min() - curve[k - 5 : k].min() for k in range(6, len(curve) + 1)]
    assert gains[-1] < least <= min(gains[:-1])


def test_goes_on_where_it_is_told_to_start() -> None:
    X, codes = made(300, 4, 3)
    X[:, 2] = 7.0
    options = {"shuffle": False, "batch_size": 16}
    whole = fit(X, codes, 3, max_iter=4, **options)
    part = fit(X, codes, 3, max_iter=2, **options)
    assert part.weights[:, 2].tolist() == [0, 0, 0]
    rest = fit(X, codes, 3, max_iter=2, start=np.column_stack([part.weights, part.bias]), **options)
    np.testing.assert_allclose(rest.weights, whole.weights, rtol=1e-9)
    moved = np.column_stack([part.weights, part.bias])
    moved[:, 2], moved[:, 4] = 1.0, moved[:, 4] - 7.0  # the same neuron: that column is constant
    np.testing.assert_allclose(fit(X, codes, 3, max_iter=2, start=moved, **options).weights, whole.weights, rtol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 16])
@pytest.mark.parametrize("C", [1e-320, 1e-9])
def test_no_penalty_is_too_strong(C: float, batch_size: int) -> None:
    X, codes = made(100, 4)
    solution = fit(X, codes, C=C, batch_size=batch_size)
    assert np.abs(solution.weights).max() < 1e-6


@pytest.mark.parametrize("scale", [1e-308, 1e-3, 1e300])
def test_the_scale_of_all_weights_matters_to_the_penalty_only(scale: float) -> None:
    X, codes = made(100, 4)
    own = np.random.default_rng(0).uniform(0.5, 2, 100)
    options = {"C": INFINITY, "max_iter": 3}
    expected = fit(X, codes, row_weights=own, **options)
    np.testing.assert_allclose(fit(X, codes, row_weights=own * scale, **options).weights, expected.weights, rtol=1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("shuffle", [False, True])
def test_rows_are_never_copied_as_a_whole(shuffle: bool) -> None:
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.integers(256, size=(400_000, 20)).astype(np.uint8))
    codes = rng.integers(2, size=len(X)).astype(np.uint8)
    fit(X[:1000], codes[:1000], max_iter=1)
    tracemalloc.start()
    fit(X, codes, max_iter=1, shuffle=shuffle, batch_size=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * X.nbytes  # as float64 they would take eight times as much


# Bad input


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("value", [np.nan, INFINITY, -INFINITY])
@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("weight", [None, 0.0])
def test_a_value_that_is_not_finite_is_named(weight, batch_size, value, standardize) -> None:
    X, codes = made(100, 9)
    X[77, 3] = value
    own = None if weight is None else np.where(np.arange(100) == 77, weight, 1.0)
    with pytest.raises(ValueError, match=r"row 77, column 3"):
        fit(X, codes, standardize=standardize, batch_size=batch_size, row_weights=own, max_iter=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_that_overflow_are_told(loss, batch_size, dtype) -> None:
    X, codes = made(100, 4)
    huge = (X * (1e30 if dtype is np.float32 else 1e200)).astype(dtype)
    with pytest.raises(ValueError, match="the weights overflowed: lower eta0, or standardize"):
        fit(huge, codes, loss=loss, standardize=False, batch_size=batch_size, eta0=1e200, C=INFINITY)


@pytest.mark.parametrize("scale", [1e-35, 1e-20, 1e35])
def test_columns_of_any_scale_are_standardised(scale: float) -> None:
    X, codes = made(200, 4)
    expected = fit(X.astype(np.float32), codes, max_iter=3)
    scaled = (X * scale).astype(np.float32)
    solution = fit(scaled, codes, max_iter=3)
    z, expected_z = (X @ s.weights[0] * k + s.bias[0] for s, k in ((solution, scale), (expected, 1)))
    np.testing.assert_allclose(z, expected_z, atol=1e-3)

"""fp.train against the reference along whole trajectories, and the law: the same bits however it is run."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config

import fastperceptron as fp
from fastperceptron import reference
from fastperceptron.training.tutorial import descent
from tables import layouts

WORD = 2**64
LOSSES = ["squared_error", "log_loss"]
ROW_ORDERS = ["with_replacement", "shuffled", "in_order"]
start_of = lambda d: np.random.default_rng(99).normal(size=d + 1)  # noqa: E731


def order_of(sampling: str, n_rows: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield the endless order of rows as its definition says, in plain Python."""
    while True:
        if sampling == "in_order":
            yield from range(n_rows)
            continue
        seed = int(rng.integers(2**63))
        if sampling == "shuffled":
            yield from np.random.default_rng(seed).permutation(n_rows).tolist()
            continue
        for number in range(1, 8193):
            state = (seed + number * 0xA0761D6478BD642F) % WORD
            product = state * (state ^ 0xE7037ED1A0B428DB)
            yield n_rows * ((product // WORD) ^ (product % WORD)) // WORD


IS_COMPILED = not config.DISABLE_JIT


def example(n_rows: int, n_features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    y = (X.sum(axis=1) + rng.normal(size=n_rows) > 0).astype(int)
    y[:2] = 0, 1
    return X, y


def initial_of(X: np.ndarray, classes: tuple = (0, 1)) -> fp.Perceptron:
    start = start_of(X.shape[1])
    return fp.Perceptron(start[:-1], start[-1], classes)


def agree_with_the_reference(X, labels, steps, *, sampling, seed, rtol=1e-9, atol=0.0, **options) -> fp.Perceptron:
    """Return the model that fp.train finds, which must be that of the reference, as must its costs."""
    classes, y = np.unique(labels, return_inverse=True)
    model = fp.train(X, labels, steps=steps, sampling=sampling, initial=initial_of(X, classes), rng=seed, **options)
    order = order_of(sampling, len(X), np.random.default_rng(seed))
    rows = [next(order) for _ in range(steps * options["batch_size"])]
    start = start_of(X.shape[1])
    weights, bias, costs = reference.train(X.tolist(), y.tolist(), rows, start[:-1].tolist(), start[-1], **options)
    np.testing.assert_allclose([*model.weights, model.bias], [*weights, bias], rtol=rtol, atol=atol)
    np.testing.assert_allclose(model.history.costs, costs, rtol=rtol)
    return model


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sampling", ROW_ORDERS)
@pytest.mark.parametrize(("n_features", "batch_size"), [(1, 1), (4, 1), (9, 1), (3, 8), (8, 5), (9, 70)])
def test_trajectories_agree_with_the_reference(loss: str, sampling: str, n_features: int, batch_size: int) -> None:
    X, y = example(53, n_features)
    steps = (3000 if batch_size == 1 else 300) if IS_COMPILED else 200
    options = {"learning_rate": 0.2, "loss": loss, "batch_size": batch_size, "record_every": 100}
    model = agree_with_the_reference(X, y, steps, sampling=sampling, seed=7, **options)
    assert model.history.steps.tolist() == list(range(100, steps + 1, 100))


@pytest.mark.compiled
def test_the_tutorial_runs_for_20000_steps_as_in_plain_python(flowers) -> None:
    options = {"learning_rate": 0.2, "loss": "squared_error", "batch_size": 1, "record_every": 100}
    model = agree_with_the_reference(*flowers, 20_000, sampling="with_replacement", seed=1, **options)
    assert model == fp.train(*flowers, steps=20_000, initial=initial_of(flowers[0], ("setosa", "versicolor")), rng=1)


@given(
    n_rows=st.integers(2, 40),
    n_features=st.integers(1, 12),
    batch_size=st.integers(1, 9),
    loss=st.sampled_from(LOSSES),
    sampling=st.sampled_from(ROW_ORDERS),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32),
)
def test_short_runs_agree_with_the_reference(n_rows, n_features, batch_size, loss, sampling, dtype, seed) -> None:
    X, y = example(n_rows, n_features, seed)
    X = X.astype(dtype)
    options = {"learning_rate": 0.5, "loss": loss, "batch_size": batch_size, "record_every": 7}
    tolerance = 1e-4 if dtype is np.float32 and batch_size > 1 else 1e-9
    agree_with_the_reference(X, y, 30, sampling=sampling, seed=seed, rtol=tolerance, atol=tolerance, **options)


def test_start_is_drawn_standard_normal_before_any_row(flowers) -> None:
    model = fp.train(*flowers, steps=1, learning_rate=1e-300, record_every=None, rng=5)
    np.testing.assert_allclose([*model.weights, model.bias], np.random.default_rng(5).standard_normal(5), rtol=1e-15)


@given(
    first=st.integers(1, 120),
    second=st.integers(1, 120),
    batch_size=st.integers(1, 3),
    sampling=st.sampled_from(ROW_ORDERS),
    record_every=st.sampled_from([None, 1, 7, 100]),
    is_stored=st.booleans(),
)
def test_going_on_equals_never_having_stopped(
    tmp_path_factory, first, second, batch_size, sampling, record_every, is_stored
) -> None:
    X, y = example(17, 3)
    options = {"batch_size": batch_size, "sampling": sampling, "record_every": record_every}
    rng = np.random.default_rng(4)
    model = fp.train(X, y, steps=first, rng=rng, **options)
    if is_stored:
        path = tmp_path_factory.mktemp("models") / "model.safetensors"
        model.save(path)
        model = fp.load(path)
    continued = fp.train(X, y, steps=second, initial=model, rng=rng, **options)
    assert continued == fp.train(X, y, steps=first + second, rng=np.random.default_rng(4), **options)


def test_a_changed_model_does_not_take_up_the_unfinished_step_of_the_old_one() -> None:
    X, y = example(17, 3)
    model = fp.train(X, y, steps=10, rng=0)
    moved = fp.Perceptron(model.weights + 1, model.bias, model.classes, history=model.history)
    fresh = fp.Perceptron(model.weights + 1, model.bias, model.classes)
    options = {"steps": 20, "sampling": "in_order", "record_every": None, "rng": 1}
    expected = fp.train(np.roll(X, -10, 0), np.roll(y, -10), initial=fresh, **options)
    np.testing.assert_array_equal(fp.train(X, y, initial=moved, **options).weights, expected.weights)


@pytest.mark.parametrize("is_small", [True, False], ids=["one block", "blocks"])
@pytest.mark.parametrize("batch_size", [1, pytest.param(6, marks=pytest.mark.compiled)])  # many rows to interpret
@pytest.mark.parametrize("sampling", ROW_ORDERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layout_changes_no_bit(monkeypatch, tmp_path, dtype, sampling, batch_size, is_small) -> None:
    if not is_small:
        monkeypatch.setattr("fastperceptron.data.arrays.BLOCK_ELEMENTS", 20)
    X, y = example(37, 5)
    X = X.astype(dtype)
    options = {"steps": 100, "sampling": sampling, "batch_size": batch_size, "record_every": 30, "rng": 3}
    expected = fp.train(X, y, **options)
    for name, other in layouts(X, tmp_path).items():
        assert fp.train(other, y, **options) == expected, name


@pytest.mark.compiled
@pytest.mark.parametrize("batch_size", [1, 6])
@pytest.mark.parametrize("work", [1, 500, 10_000])
def test_the_size_of_kernel_calls_changes_no_bit(monkeypatch, batch_size, work) -> None:
    X, y = example(37, 5)
    options = {"steps": 500, "batch_size": batch_size, "record_every": 30, "rng": 3}
    expected = fp.train(X, y, **options)
    monkeypatch.setattr(descent, "WORK_PER_CALL", work)
    assert fp.train(X, y, **options) == expected


def test_size_of_blocks_changes_no_bit_of_the_weights(monkeypatch) -> None:
    X, y = example(300, 5)
    expected = fp.train(X, y, steps=500, rng=3)
    monkeypatch.setattr("fastperceptron.data.arrays.BLOCK_ELEMENTS", 64)
    model = fp.train(X, y, steps=500, rng=3)
    np.testing.assert_array_equal(model.weights, expected.weights)
    np.testing.assert_allclose(model.history.costs, expected.history.costs, rtol=1e-13)


def test_no_costs_are_recorded_where_none_are_wanted() -> None:
    X, y = example(30, 2)
    model = fp.train(X, y, steps=50, record_every=None, rng=0)
    assert len(model.history) == 0
    assert model.history.n_steps == 50
    np.testing.assert_array_equal(model.weights, fp.train(X, y, steps=50, record_every=7, rng=0).weights)


def test_the_last_recorded_cost_is_that_of_the_model(flowers) -> None:
    model = fp.train(*flowers, steps=700, rng=0, loss="log_loss")
    assert model.history.costs[-1] == pytest.approx(model.cost(*flowers, loss="log_loss"), rel=1e-13)


def test_progress_is_shown_on_stderr_and_changes_nothing(capsys, flowers) -> None:
    model = fp.train(*flowers, steps=500, rng=0, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "500/500" in captured.err
    assert model == fp.train(*flowers, steps=500, rng=0)
    assert capsys.readouterr().err == ""


@pytest.mark.compiled
@pytest.mark.parametrize("options", ["", "batch_size=50_000, record_every=None", "record_every=1"])
def test_control_c_stops_within_a_fifth_of_a_second(options: str) -> None:
    # Of the process's own time, which a busy machine does not lengthen.
    program = f"""
import os, signal, sys, threading, time
import numpy as np, fastperceptron as fp
X = np.random.default_rng(0).normal(size=(200_000, 30)).astype(np.float32)
y = X[:, 0] > 0
fp.train(X, y, steps=2, rng=0, {options})
def interrupt():
    global sent
    sent = time.process_time()
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.7, interrupt).start()
try:
    fp.train(X, y, steps=10**12, rng=0, {options})
except KeyboardInterrupt:
    print(time.process_time() - sent)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert float(done.stdout) < 0.2

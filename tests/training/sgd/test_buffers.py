"""The shuffle of solver="sgd": each buffer is a cross-section of the rows, in random order, each row once an epoch."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron.data.arrays import ArrayRows
from fastperceptron.training.problem import Problem
from fastperceptron.training.sgd import buffers
from fastperceptron.training.sgd.buffers import Buffers
from tables import bits
from training.sgd.test_sgd import LOSSES, fit, made, overlapping


def epoch_order(n_rows: int, n_features: int, seed: int, epoch: int = 0) -> list[np.ndarray]:
    """Return the rows' numbers in the order of an epoch, buffer by buffer."""
    X = np.zeros((n_rows, n_features))
    X[:, 0] = np.arange(n_rows)
    problem = Problem(ArrayRows(X), np.zeros(n_rows, np.uint8), 2)
    shuffled = Buffers(problem, 1.0, None, 8, seed)
    return [buffer.X[buffer.order, 0].astype(int) for buffer in shuffled.epoch(epoch)]


@given(
    n_rows=st.integers(2, 400),
    n_features=st.integers(1, 12),
    sizes=st.sampled_from([(64, 8), (256, 1), (100, 32), (10_000, 64)]),
    seed=st.integers(0, 9),
)
def test_an_epoch_has_each_row_once_in_buffers_of_even_size(n_rows, n_features, sizes, seed) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "BUFFER_ELEMENTS", sizes[0])
        patch.setattr(buffers, "BLOCK_ELEMENTS", sizes[1])
        order = epoch_order(n_rows, n_features, seed)
        again, other = epoch_order(n_rows, n_features, seed), epoch_order(n_rows, n_features, seed, epoch=1)
    np.testing.assert_array_equal(np.sort(np.concatenate(order)), np.arange(n_rows))
    block = max(1, sizes[1] // n_features)
    assert max(map(len, order)) - min(map(len, order)) <= 2 * block
    np.testing.assert_array_equal(np.concatenate(order), np.concatenate(again))
    if n_rows > 30:
        assert not np.array_equal(np.concatenate(order), np.concatenate(other))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_where_wide_raw_rows_are_read_changes_no_bit(monkeypatch, n_classes) -> None:
    X, codes = made(100, 12, n_classes)
    options = {"standardize": False, "batch_size": 16, "max_iter": 2}
    expected = bits(fit(X, codes, n_classes, **options))
    monkeypatch.setattr(buffers, "WIDE", 12)
    for rows in (X, np.asfortranarray(X)):
        assert bits(fit(rows, codes, n_classes, **options)) == expected


def test_each_buffer_is_a_cross_section_in_random_order(monkeypatch) -> None:
    monkeypatch.setattr(buffers, "BUFFER_ELEMENTS", 1 << 14)
    n_rows = 20_000
    for rows in epoch_order(n_rows, 10, seed=3):
        share = np.mean(rows < n_rows / 2)
        assert share == pytest.approx(0.5, abs=2 * 12 / len(rows))
        # Neighbours in the buffer are no nearer each other than any two rows.
        steps = np.abs(np.diff(rows))
        assert steps.mean() == pytest.approx(n_rows / 3, rel=0.05)


def test_all_orders_of_few_rows_are_equally_likely() -> None:
    orders = [tuple(epoch_order(3, 1, seed, epoch)[0]) for seed in range(30) for epoch in range(40)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert min(counts) > 150  # 200 expected, with a deviation of 13


def test_a_shuffled_epoch_is_one_over_the_rows_in_that_order(monkeypatch) -> None:
    monkeypatch.setattr(buffers, "BUFFER_ELEMENTS", 300)
    X, codes = made(200, 5)
    order = np.concatenate(epoch_order(200, 5, seed=7))
    own = np.random.default_rng(0).uniform(0.5, 2, 200)
    options = {"max_iter": 1, "batch_size": 8, "loss": "log_loss", "seed": 7}
    shuffled = fit(X, codes, row_weights=own, **options)
    stored = fit(X[order], codes[order], row_weights=own[order], shuffle=False, **options)
    np.testing.assert_allclose(shuffled.weights, stored.weights, rtol=1e-9)


@pytest.mark.compiled
@pytest.mark.parametrize("loss", LOSSES)
def test_sorted_by_label_is_as_good_as_shuffled(monkeypatch, loss: str) -> None:
    monkeypatch.setattr(buffers, "BUFFER_ELEMENTS", 1 << 16)  # 31 of them
    X, codes = overlapping(100_000)
    order = np.argsort(codes, kind="stable")
    options = {"max_iter": 6, "loss": loss, "eta0": 1.0}
    best = fit(X, codes, max_iter=30, loss=loss, average=True, eta0=1.0).loss_curve[-1]
    excess = [fit(X, codes, seed=seed, **options).loss_curve[2:].mean() - best for seed in range(3)]
    of_sorted = [fit(X[order], codes[order], seed=seed, **options).loss_curve[2:].mean() - best for seed in range(3)]
    assert np.mean(of_sorted) < 1.3 * np.mean(excess)
    assert fit(X[order], codes[order], shuffle=False, **options).loss_curve[-1] - best > 10 * np.mean(excess)

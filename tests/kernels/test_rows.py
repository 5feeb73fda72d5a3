"""Row operations: right for every width, each row's bits its own, and the sums' order fixed as the law says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastperceptron.kernels import rows
from fastperceptron.kernels.jit import jit

WIDTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 40, 100]


def kernel_of(function: Callable, arguments: str) -> Callable:
    """Return a kernel that calls a row operation, which only kernels can."""
    scope = {"function": function, "__name__": __name__}
    exec(f"def call_{function.__name__}({arguments}): return function({arguments})", scope)  # noqa: S102
    return jit(scope[f"call_{function.__name__}"])


call_dot, call_dot_four = kernel_of(rows.dot, "X, i, weights"), kernel_of(rows.dot_four, "X, four, weights")
call_look_ahead, call_prefetch = kernel_of(rows.look_ahead, "X, i, k, weights"), kernel_of(rows.prefetch, "X, i")
call_add_scaled = kernel_of(rows.add_scaled, "total, X, i, scale")
call_add_scaled_four = kernel_of(rows.add_scaled_four, "total, X, four, scales")
call_sum_of_products = kernel_of(rows.sum_of_products, "a, b")
call_add_in_row_order = kernel_of(rows.add_in_row_order, "panel, scales, total")


def example(n_features: int, dtype: type, weights_dtype: type = np.float64):
    rng = np.random.default_rng(n_features)
    X = rng.normal(size=(6, n_features)).astype(dtype)
    weights = np.zeros(rows.padded_size(n_features), weights_dtype)
    weights[: n_features + 1] = rng.normal(size=n_features + 1)
    return X, weights


def with_bias(X: np.ndarray) -> np.ndarray:
    return np.column_stack([X.astype(np.float64), np.ones(len(X))])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", WIDTHS)
def test_dot_products_are_those_of_the_row_and_one(n_features: int, dtype: type) -> None:
    X, weights = example(n_features, dtype)
    exact = with_bias(X) @ weights[: n_features + 1]
    computed = [call_dot(X, i, weights) for i in range(len(X))]
    np.testing.assert_allclose(computed, exact, rtol=1e-13, atol=1e-13)
    assert call_dot_four(X, (5, 0, 3, 3), weights) == (computed[5], computed[0], computed[3], computed[3])
    z, overlap = call_look_ahead(X, 1, 4, weights)
    assert z == computed[4]
    assert overlap == pytest.approx(with_bias(X)[1] @ with_bias(X)[4], rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("n_features", WIDTHS)
def test_float32_weights_are_multiplied_in_float32(n_features: int) -> None:
    X, weights = example(n_features, np.float32, np.float32)
    z = call_dot(X, 2, weights)
    assert isinstance(z, np.float32) or float(np.float32(z)) == z
    assert z == pytest.approx(with_bias(X)[2] @ weights[: n_features + 1].astype(np.float64), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", WIDTHS)
def test_scaled_rows_are_added_and_padding_stays_zero(n_features: int, dtype: type) -> None:
    X, total = example(n_features, dtype)
    expected = total[: n_features + 1] + 0.3 * with_bias(X)[2]
    call_add_scaled(total, X, 2, 0.3)
    np.testing.assert_allclose(total[: n_features + 1], expected, rtol=1e-13)
    scales = tuple(dtype(s) for s in (0.1, -0.2, 0.4, 0.0))
    expected = expected + np.array(scales, np.float64) @ with_bias(X)[[1, 0, 5, 5]]
    call_add_scaled_four(total, X, (1, 0, 5, 5), scales)
    np.testing.assert_allclose(
        total[: n_features + 1], expected, rtol=1e-5 if dtype is np.float32 else 1e-12, atol=1e-7
    )
    assert (total[n_features + 1 :] == 0).all()


@pytest.mark.compiled
@pytest.mark.parametrize("n_features", [20, 23])
def test_lanes_are_summed_as_a_fixed_tree(n_features: int) -> None:
    # Ones, and two huge pairs that swallow them: one cancels in its own lane, the other where halves are joined.
    X, weights = np.ones((1, n_features)), np.zeros(rows.padded_size(n_features))
    weights[: n_features + 1] = 1.0
    weights[3], weights[3 + 8] = 2.0**60, -(2.0**60)
    weights[0], weights[4] = 2.0**60, -(2.0**60)
    lanes = [0.0] * 8
    for j, weight in enumerate(weights[: n_features + 1].tolist()):
        lanes[j % 8] += weight
    halves = [lanes[k] + lanes[k + 4] for k in range(4)]
    expected = (halves[0] + halves[2]) + (halves[1] + halves[3])
    assert call_dot(X, 0, weights) == expected
    assert call_dot(X, 0, weights) != sum(weights.tolist())


def test_sum_of_products_and_prefetch() -> None:
    a, b = np.arange(16.0), np.arange(16.0)[::-1].copy()
    assert call_sum_of_products(a, b) == float(a @ b)
    assert call_prefetch(np.ones((2, 3)), 1) is None


@pytest.mark.parametrize("n_chunks", range(1, 11))
def test_scaled_rows_are_added_in_row_order_with_rounded_products(n_chunks: int) -> None:
    rng = np.random.default_rng(n_chunks)
    for n_rows in (0, 1, 7):
        panel, scales = rng.normal(size=(n_rows, 8 * n_chunks)), rng.normal(size=n_rows + 2)
        total = rng.normal(size=8 * n_chunks + 3)
        expected = total.copy()
        for row, scale in zip(panel, scales, strict=False):
            expected[: row.size] += scale * row
        call_add_in_row_order(panel, scales, total)
        assert total.tobytes() == expected.tobytes()


@pytest.mark.compiled
def test_llvm_is_told_to_use_the_widest_vectors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTPERCEPTRON_CACHE_DIR", str(tmp_path))  # code from a cache cannot be looked into
    kernel = kernel_of(rows.use_widest_vectors, "")
    kernel()
    assert '"prefer-vector-width"="512"' in next(iter(kernel.inspect_llvm().values()))

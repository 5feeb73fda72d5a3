"""A sum of tiles has one result, however runs of them are cut and in whatever order parts come, and a small error."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.kernels.objective import rows_per_run, rows_per_tile
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.tree import WEIGHTS_PER_TILE
from fastperceptron.training.problem import Problem
from fastperceptron.training.reads import SumsOverRows, answer
from fastperceptron.training.tile_sums import Part, Request
from fastperceptron.training.tile_tree import (
    Nodes,
    TileTree,
    merged,
    nodes_of_weights,
    places_of,
    sum_of_weights,
    total,
    weights_by_class,
)


def tiles(n: int, seed: int = 0) -> np.ndarray:
    """Return values whose sums are rounded differently in each order."""
    return np.random.default_rng(seed).normal(size=(n, 3)) * 2.0 ** np.random.default_rng(n).integers(-30, 30, (n, 1))


def by_definition(values: np.ndarray) -> np.ndarray:
    """Return the sum by halves at a power of two, as the tree is defined."""
    if len(values) == 1:
        return values[0]
    half = 1 << (len(values) - 1).bit_length() - 1
    return by_definition(values[:half]) + by_definition(values[half:])


def nodes_of(values: np.ndarray, first: int, stop: int) -> Nodes:
    tree = TileTree(values.shape[1:], stop, first)
    for k in range(first, stop, 5):
        tree.push(values[k : min(k + 5, stop)])
    return tree.nodes()


cuts = st.lists(st.integers(0, 70), max_size=9)


@given(n=st.integers(1, 70), cut=cuts, n_bundles=st.integers(1, 5), order=st.randoms(use_true_random=False))
def test_any_cut_any_bundling_and_any_order_give_one_result(n: int, cut: list[int], n_bundles: int, order: Any) -> None:
    values = tiles(n)
    places = sorted([0, n, *(each for each in cut if each < n)])  # some parts have no tiles
    parts = [nodes_of(values, first, stop) for first, stop in pairwise(places)]
    order.shuffle(parts)
    bundles = [merged(parts[k::n_bundles], (3,)) for k in range(n_bundles)]
    order.shuffle(bundles)
    expected = by_definition(values).tobytes()
    assert total(parts, (3,), n).tobytes() == expected
    assert total(bundles, (3,), n).tobytes() == expected


@given(first=st.integers(0, 1 << 40), length=st.integers(0, 1 << 40))
def test_a_run_has_few_nodes_which_cover_it(first: int, length: int) -> None:
    levels, indices = (each.tolist() for each in places_of(first, first + length))
    starts = [index << level for level, index in zip(levels, indices, strict=True)]
    ends = [index + 1 << level for level, index in zip(levels, indices, strict=True)]
    assert [*starts, first + length] == [first, *ends] or length == 0
    assert len(levels) <= 2 * max(length, 1).bit_length()


def test_a_missing_part_and_one_that_is_there_twice_are_errors() -> None:
    values = tiles(6)
    one, two, three = nodes_of(values, 0, 2), nodes_of(values, 2, 3), nodes_of(values, 3, 6)
    for parts in ([one, three], [one, two, two, three], [one, nodes_of(values, 1, 3), three], [one, two], []):
        with pytest.raises(AssertionError, match="are not tiles 0 to 5, each once"):
            total(parts, (3,), 6)
    assert total([], (3,), 0).tolist() == [0, 0, 0]


@given(n=st.integers(0, 40), stop=st.integers(0, 40))
def test_what_is_kept_goes_on_where_it_was(n: int, stop: int) -> None:
    values, stop = tiles(n), min(stop, n)
    begun, other = TileTree((3,), n), TileTree((3,), n)
    begun.push(values[:stop])
    other.restore(begun.kept.copy(), stop)
    other.push(values[stop:])
    assert other.total().tobytes() == (by_definition(values) if n else np.zeros(3)).tobytes()


@given(
    n=st.integers(1, 5000),
    cut=st.lists(st.integers(0, 20), max_size=5),
    power=st.integers(-1000, 900),
    n_classes=st.integers(1, 3),
)
def test_sums_of_weights_do_not_depend_on_parts(n: int, cut: list[int], power: int, n_classes: int) -> None:
    rng = np.random.default_rng(n)
    weights, codes = np.ldexp(rng.exponential(size=n), power), rng.integers(0, n_classes, n).astype(np.uint8)
    places = sorted({0, n, *(each * WEIGHTS_PER_TILE for each in cut if each * WEIGHTS_PER_TILE < n)})
    parts = [
        nodes_of_weights(weights[first:stop], first, codes[first:stop], n_classes, -power)
        for first, stop in pairwise(places)
    ]
    found = total(parts, (n_classes,), -(-n // WEIGHTS_PER_TILE))
    assert found.tobytes() == weights_by_class(weights, codes, n_classes, -power).tobytes()
    exact = [math.fsum(np.ldexp(weights, -power)[codes == code]) for code in range(n_classes)]
    np.testing.assert_allclose(found, exact, rtol=1e-14)
    assert sum_of_weights(weights, -power) == pytest.approx(math.fsum(exact), rel=1e-14)


def test_the_error_grows_with_the_depth_not_with_the_number_of_tiles() -> None:
    n = 1 << 10 if config.DISABLE_JIT else 1 << 22
    tree = TileTree((1,), n)
    for _ in range(0, n, 1 << 10):
        tree.push(np.full((1 << 10, 1), 0.1))
    assert tree.total()[0] == 0.1 * n  # one after the other, the error is 1e-9 of it


@pytest.mark.compiled
@pytest.mark.parametrize("n_features", [2, 12, 300])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_parts_of_the_rows_answer_what_all_rows_do(n_features: int, n_classes: int) -> None:
    """Parts begin at a multiple of the rows of a run, wherever that is in the rows."""
    rng, run = np.random.default_rng(0), rows_per_run(n_features)
    n_rows = 5 * run + 17
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    codes, own = read_only(rng.integers(0, n_classes, n_rows).astype(np.uint8)), read_only(rng.exponential(size=n_rows))
    factors = np.array([0.5, 2.0, 1.0])[:n_classes]
    positives = np.array([1]) if n_classes == 2 else np.arange(3)
    size = padded_size(n_features)
    weights = np.zeros((positives.size, size), np.float32)
    weights[:, : n_features + 1] = rng.normal(size=(positives.size, n_features + 1)) / n_features
    problem = Problem(ArrayRows(X), codes, n_classes, own, factors)
    for has_moments in (True, False):
        request = Request("log_loss", 1.0, weights, positives, np.zeros(size), has_moments, factors)
        expected = SumsOverRows(problem, "log_loss", np.zeros(size), 1.0, map)(weights, positives, has_moments)
        for places in ([0, n_rows], [0, run, n_rows], [0, 2 * run, 3 * run, 3 * run, 5 * run, n_rows]):
            parts = [
                answer(Part(ArrayRows(X[a:b]), codes[a:b], own[a:b], a), request, map) for a, b in pairwise(places)
            ]
            n_tiles = -(-n_rows // rows_per_tile(n_features))
            found = [
                total(nodes, each.shape, n)
                for nodes, each, n in zip(
                    zip(*parts, strict=True), expected, (n_tiles, n_tiles * has_moments), strict=True
                )
            ]
            assert [each.tobytes() for each in found] == [each.tobytes() for each in expected]


@pytest.mark.parametrize("n_features", [1, 2, 3, 20, 100, 257, 5000])
def test_a_run_of_tiles_is_a_power_of_two_of_them_and_holds_whole_tiles_of_weights(n_features: int) -> None:
    n_tiles, rest = divmod(rows_per_run(n_features), rows_per_tile(n_features))
    assert rest == 0
    assert n_tiles.bit_count() == 1
    assert rows_per_run(n_features) % WEIGHTS_PER_TILE == 0

"""Parts of a data set, and what spooling one makes of its labels."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, strategies as st

import fastperceptron as fp
from fastperceptron.data.holdout import Part


def chunks_of(sizes: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    first = 0
    for size in sizes:
        numbers = np.arange(first, first + size)
        yield numbers[:, None].astype(np.float64), numbers % 2, numbers + 1.0
        first += size


def rows_of(part: Part) -> list[int]:
    blocks = list(part.blocks())
    for X, y, weights in blocks:
        assert (y == X[:, 0] % 2).all()
        assert weights is not None
        assert (weights == X[:, 0] + 1).all()
    return [int(row) for block in blocks for row in block.X[:, 0]]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.floats(0, 1))
def test_parts_are_the_same_for_any_chunking_and_together_all_rows(sizes: list[int], share: float) -> None:
    whole, cut = (fp.dataset(lambda sizes=sizes: chunks_of(sizes)) for sizes in ([sum(sizes)], sizes))
    parts = [rows_of(Part(data, share, is_held_out=held)) for data in (whole, cut) for held in (False, True)]
    assert parts[:2] == parts[2:]
    assert sorted(parts[0] + parts[1]) == list(range(sum(sizes)))


def test_a_part_is_of_the_size_asked_for_and_looks_random() -> None:
    data = fp.dataset(lambda: chunks_of([20_000]))
    held_out = np.array(rows_of(Part(data, 0.2, is_held_out=True)))
    assert held_out.size == pytest.approx(4000, abs=250)
    assert np.mean(held_out % 2) == pytest.approx(0.5, abs=0.04)
    assert np.diff(held_out).max() > 20


@pytest.mark.parametrize("labels", [["b", "a"], [7, 3], [True, False]])
def test_classes_are_sorted_whatever_came_first(labels: list[object]) -> None:
    data = fp.dataset(lambda: iter([(np.eye(2), labels), (np.eye(2), labels[::-1])]))
    with data.open_table() as table:
        assert table.classes.tolist() == sorted(labels)
        assert table.classes[table.codes].tolist() == [*labels, *labels[::-1]]
        assert table.counts.tolist() == [2, 2]

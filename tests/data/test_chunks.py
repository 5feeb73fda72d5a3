"""Chunks are joined by name, and looked at without being used up; masked values are refused wherever they come in."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastperceptron as fp

FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})


def test_frames_are_joined_by_name() -> None:
    data = fp.dataset(iter([(FRAME, [0, 1]), (FRAME[["b", "a"]], [0, 1])]))
    assert data.feature_names == ("a", "b")
    assert len(data.head(3).X) == 3
    np.testing.assert_array_equal(data.arrays()[0], np.tile(FRAME.to_numpy(), (2, 1)))
    picked = fp.dataset((FRAME, [0, 1])).with_features(("b",), has_labels=True)
    assert picked.arrays()[0].tolist() == [[3.0], [4.0]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (FRAME.rename(columns={"b": "c"}), "chunk 1 lacks the column 'b'"),
        (FRAME.to_numpy(), "differ in whether their columns have names"),
        (FRAME.assign(c=0.0), "'c'"),
        (np.ma.masked_equal(FRAME.to_numpy(), 3.0), "1 masked values, the first in row 0, column 1"),
        (np.ones(2), "must have two dimensions"),
        ({"a": [1, 2]}, "must be an array, but is a dict"),
    ],
)
def test_other_chunks_are_refused(X: Any, message: str) -> None:
    data = fp.dataset(iter([(FRAME, [0, 1]), (X, [0, 1])]))
    with pytest.raises((ValueError, TypeError), match=message):
        data.arrays()


@pytest.mark.parametrize("n_classes", [256, 257, 66_000])
def test_streams_have_as_many_classes_as_arrays(n_classes: int) -> None:
    y = np.arange(n_classes)[::-1]
    X = y[:, None].astype(float)
    data = fp.dataset(lambda: ((X[k : k + 5000], y[k : k + 5000]) for k in range(0, len(y), 5000)))
    with data.open_table() as table, fp.dataset((X, y)).open_table() as whole:
        np.testing.assert_array_equal(table.classes, whole.classes)
        np.testing.assert_array_equal(table.codes, whole.codes)
        np.testing.assert_array_equal(table.counts, whole.counts)
        assert table.codes.dtype == whole.codes.dtype


@pytest.mark.parametrize("labels", [["a", "longer"], np.array(["a", "longer"], object), [1, 2.5], [True, False]])
def test_labels_of_blocks_are_those_of_the_array(labels: Any) -> None:
    y = np.asarray(labels)
    data = fp.dataset(lambda: ((np.eye(1), y[k : k + 1]) for k in range(2)))
    with data.open_table() as table, fp.dataset((np.eye(2), y)).open_table() as whole:
        assert table.classes.dtype == whole.classes.dtype == y.dtype
        assert table.classes.tolist() == sorted(labels)


def test_a_generator_may_use_its_arrays_again_also_after_a_look_at_the_head() -> None:
    def chunks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        X, y = np.empty((50, 2)), np.empty(50, int)
        for start in range(4):
            X[:], y[:] = start, start % 2
            yield X, y

    expected = np.repeat(np.arange(4.0), 50).tolist()
    assert fp.dataset(chunks).arrays()[0][:, 0].tolist() == expected
    data = fp.dataset(chunks())
    assert data.head(120).X[:, 0].tolist() == [0.0] * 50 + [1.0] * 50 + [2.0] * 20
    assert data.arrays()[0][:, 0].tolist() == expected

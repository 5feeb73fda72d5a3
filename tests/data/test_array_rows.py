"""Rows in memory: of any dtype and layout, and converted once where they are read often."""

import numpy as np
import pytest

from fastperceptron.data import arrays
from fastperceptron.data.arrays import ArrayRows


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, bool, ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_for_many_reads_are_the_same_and_in_place(monkeypatch: pytest.MonkeyPatch, dtype: str, order: str) -> None:
    X = np.asarray(np.random.default_rng(0).integers(0, 9, (100, 3)), dtype=dtype, order=order)
    monkeypatch.setattr(arrays, "BLOCK_ELEMENTS", 30)  # more than a block
    rows = ArrayRows(X)
    often = rows.for_many_reads()
    assert often.is_in_place
    assert (often is rows) == rows.is_in_place
    np.testing.assert_array_equal(often.read(0, 100), rows.read(0, 100))
    assert often.dtype == rows.dtype


def test_many_rows_are_converted_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_ELEMENTS", 30)
    monkeypatch.setattr(arrays, "KEPT_ELEMENTS", 299)
    rows = ArrayRows(np.asfortranarray(np.ones((100, 3))))
    assert rows.for_many_reads() is rows
    assert not rows.is_in_place

"""Files of svmlight (LIBSVM): a label and "column:value" pairs per line. scikit-learn reads them, into memory.

Such files do not say whether their first column is 0 or 1. As scikit-learn has it, columns are counted from 1 unless a
column 0 occurs in one of the files that are read together, or the owner says it; `first_column` and the `repr` tell
what was found. A model knows how the columns of its rows were counted, and those of other files are counted like them:
a test file in which no row happens to have column 0 would be shifted by one. Nor do files say how many columns there
are: columns behind the last one of a file are 0, for a model that has more of them.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from io import BufferedReader

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.array_dataset import ArrayDataset
from fastperceptron.data.files import SourceFile
from fastperceptron.data.formats import SVMLIGHT, name_unreadable_file
from fastperceptron.data.sparse_arrays import CsrArray, joined
from fastperceptron.data.sparse_input import as_csr


class SvmlightDataset(ArrayDataset):
    """The rows of svmlight files, and the number that their first column had there: 0 or 1."""

    first_column: int

    def __init__(self, X: CsrArray, y: Array, first_column: int, *, is_told: bool = False) -> None:
        super().__init__(X, y)
        self._rows, self._labels, self.first_column, self._is_told = X, y, first_column, is_told

    def widened(self, n_features: int, first_column: int | None = None) -> "SvmlightDataset":
        """Return the same rows with more features, all 0; unchanged where there are not fewer.

        Columns are counted from `first_column`, unless the owner said how; it raises ValueError if that cannot be.
        """
        X, is_shifted = self._rows, first_column is not None and first_column != self.first_column and not self._is_told
        if is_shifted and self.first_column == 0:
            raise ValueError(
                "this svmlight file has a column 0, but the model was trained on one whose columns were taken to be "
                "counted from 1, since it has no column 0. If they are counted from 0, train with "
                "dataset(path, first_column=0); if only those of this file are, open it so."
            )
        width, first = max(n_features, self.n_features + is_shifted), self.first_column - is_shifted
        if width == self.n_features:
            return self
        rows = CsrArray(X.indptr, X.indices + X.indices.dtype.type(is_shifted), X.data, width)
        return SvmlightDataset(rows, self._labels, first, is_told=self._is_told)

    def __repr__(self) -> str:
        """Show the numbers of rows and features, and how columns were counted."""
        return f"{super().__repr__()[:-1]}, columns counted from {self.first_column})"


def open_svmlight(files: Sequence[SourceFile], first_column: int | None = None) -> SvmlightDataset:
    """Return the rows of files, one after the other; raise ValueError that names the file if one cannot be read.

    Columns are counted from `first_column`, 0 or 1; None means from 1 unless a column 0 occurs.
    """
    if first_column is not None and (isinstance(first_column, bool) or first_column not in (0, 1)):
        raise ValueError(f"first_column must be 0 or 1, the number of the first column, but is {first_column!r}.")
    try:
        from sklearn.datasets import load_svmlight_file
    except ModuleNotFoundError as error:
        message = "reading svmlight files needs scikit-learn: pip install 'fastperceptron[sklearn,files]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    parts, labels, lowest = [], [], []
    for file in files:
        if file.stamp()[0] == 0:
            raise ValueError(f"{file} is empty.")
        with name_unreadable_file(file, SVMLIGHT), ExitStack() as stack:
            stream = stack.enter_context(BufferedReader(stack.enter_context(file.open_stream())))
            X, y = load_svmlight_file(stream, zero_based=True)
            parts.append(as_csr(X))
            labels.append(y)
            lowest.append(X.indices.min(initial=1))
    width = max(part.shape[1] for part in parts)
    if first_column == 1 and min(lowest) == 0:
        file = files[lowest.index(0)]
        raise ValueError(f"{file} has a column 0, so that its columns cannot be counted from first_column=1.")
    is_told, first_column = first_column is not None, int(min(lowest) > 0) if first_column is None else first_column
    rows = joined([CsrArray(part.indptr, part.indices, part.data, width) for part in parts])[:, first_column:]
    if 0 in rows.shape:
        raise ValueError(f"{files[0]} has no rows with values: its shape is {rows.shape}.")
    return SvmlightDataset(rows, np.concatenate(labels), first_column, is_told=is_told)

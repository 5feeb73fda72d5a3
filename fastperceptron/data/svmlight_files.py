"""Files of svmlight (LIBSVM): a label and "column:value" pairs per line. scikit-learn reads them, into memory.

Such files do not say whether their first column is 0 or 1. As scikit-learn has it, columns are counted from 1 unless a
column 0 occurs in one of the files that are read together; `first_column` and the `repr` tell what was found. Nor do
they say how many columns there are: columns behind the last one of a file are 0, for a model that has more of them.
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

    def __init__(self, X: CsrArray, y: Array, first_column: int) -> None:
        super().__init__(X, y)
        self._rows, self._labels, self.first_column = X, y, first_column

    def widened(self, n_features: int) -> "SvmlightDataset":
        """Return the same rows with more features, all 0; unchanged where there are not fewer."""
        if n_features <= self.n_features:
            return self
        X = self._rows
        return SvmlightDataset(CsrArray(X.indptr, X.indices, X.data, n_features), self._labels, self.first_column)

    def __repr__(self) -> str:
        """Show the numbers of rows and features, and how columns were counted."""
        return f"{super().__repr__()[:-1]}, columns counted from {self.first_column})"


def open_svmlight(files: Sequence[SourceFile]) -> SvmlightDataset:
    """Return the rows of files, one after the other; raise ValueError that names the file if one cannot be read."""
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
    first_column = int(min(lowest) > 0)
    rows = joined([CsrArray(part.indptr, part.indices, part.data, width) for part in parts])[:, first_column:]
    if 0 in rows.shape:
        raise ValueError(f"{files[0]} has no rows with values: its shape is {rows.shape}.")
    return SvmlightDataset(rows, np.concatenate(labels), first_column)

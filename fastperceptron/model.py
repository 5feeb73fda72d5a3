"""Perceptron: a trained neuron as an immutable value that predicts, compares and is stored; training is elsewhere."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastperceptron import prediction
from fastperceptron.checks import Array, as_matrix, as_numpy, check_is_array_like, choice, column_names, is_collection
from fastperceptron.data.arrays import ArrayRows, kernel_dtype
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.labels import codes_of
from fastperceptron.data.sparse_arrays import rows_of
from fastperceptron.data.sparse_input import as_matrix_or_csr, is_sparse, is_sparse_frame
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.export.exports import Exports
from fastperceptron.history import History
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.lazy import predicted
from fastperceptron.model_checks import as_classes, as_float64, as_names, check_history, check_shapes
from fastperceptron.model_columns import columns_by_name
from fastperceptron.model_file import read_model, write_model
from fastperceptron.model_text import as_text

ACTIVATIONS = ("sigmoid", "softmax")


@dataclass(frozen=True, eq=False, repr=False)
class Perceptron(Exports):
    """One sigmoid neuron: p = sigmoid(weights . x + bias) is the probability of the second class.

    Three or more classes take one neuron each. With ``activation="sigmoid"`` it separates its class from the others,
    and the probabilities of a row are the sigmoids divided by their sum. With "softmax" all neurons share them: they
    are exp(z), divided by their sum.

    Rows are given as a Dataset, as an array-like or a sparse matrix (scipy.sparse) of shape (n_rows, n_features), or
    as one row of shape (n_features,), whose result has no row dimension; 1-d input for a model of a single feature is
    many rows. A frame (pandas, polars, pyarrow) goes by its column names if the model has feature names: the model
    takes its features from the columns, in any order, and ignores other columns. An array goes by position, and so does
    a frame where the model has no names, with a warning. Methods that take rows raise ValueError or TypeError if these
    are empty, not numeric, not finite or do not have the model's features; or if a row is so large that the terms of
    its z overflow in both directions.

    All computations are in float64. Probabilities and their logarithms are rounded at the end to float32 where the rows
    are float32 or float16.

    Parameters
    ----------
    weights : array-like of shape (n_features,), or (n_classes, n_features) for three or more classes
    bias : float, or array-like of shape (n_classes,)
    classes : array-like of shape (2,) or (n_classes,)
        The labels that p near 0 and p near 1 mean, or the label of each neuron: numbers, booleans or strings.
    feature_names : sequence of str, optional
    target_name : str, optional
        The name of the column of the labels.
    first_column : {0, 1}, optional
        The number of the first feature in the svmlight files that the model was trained on.
    activation : {"sigmoid", "softmax"}
        Softmax is for three or more classes.
    history : History
        The cost curve, and what training needs to continue.

    Raises
    ------
    ValueError
        If a shape is not as above; a weight is not a number, or is NaN or infinite; a class is missing or there twice;
        a name is not text or there twice; or the history is that of another model.
    TypeError
        If the classes are not numbers, booleans or strings, or mix them.

    Examples
    --------
    >>> model = Perceptron([1.0, -2.0], 0.5, ["short", "tall"])
    >>> model.predict([[3.0, 0.0], [0.0, 3.0]])
    array(['tall', 'short'], dtype='<U5')
    >>> model.predict_proba([3.0, 0.0]).round(3)
    array([0.029, 0.971])
    >>> three = Perceptron([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [0.0, 0.0, 0.0], ["long", "wide", "small"])
    >>> three.predict_proba([2.0, 1.0]).round(3)
    array([0.531, 0.441, 0.029])
    """

    weights: Array
    bias: Any  # a float, or an array for three or more classes
    classes: Array
    feature_names: tuple[str, ...] | None = None
    target_name: str | None = field(default=None, kw_only=True)
    first_column: int | None = field(default=None, kw_only=True)
    activation: str = field(default="sigmoid", kw_only=True)
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        weights, bias = as_float64(self.weights, "weights"), as_float64(self.bias, "bias")
        classes = as_classes(self.classes)
        check_shapes(weights, bias, classes)
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise ValueError(f"weights and bias must be finite, but are {weights} and {self.bias}.")
        names = None if self.feature_names is None else as_names(self.feature_names)
        if names is not None and len(names) != weights.shape[-1]:
            raise ValueError(f"feature_names has {len(names)} names for {weights.shape[-1]} weights.")
        if not isinstance(self.target_name, str | None):
            raise ValueError(f"target_name must be text or None, but is {self.target_name!r}.")
        if self.first_column not in (None, 0, 1):
            raise ValueError(f"first_column must be 0, 1 or None, but is {self.first_column!r}.")
        choice(self.activation, ACTIVATIONS, "activation")
        if self.activation == "softmax" and weights.ndim == 1:
            raise ValueError("activation='softmax' is for three or more classes: two are those of one sigmoid neuron.")
        check_history(self.history, weights.shape[-1])
        weights.flags.writeable = classes.flags.writeable = bias.flags.writeable = False
        settled = {"weights": weights, "bias": bias if bias.ndim else float(bias), "classes": classes}
        for name, value in {**settled, "feature_names": names}.items():
            object.__setattr__(self, name, value)

    @property
    def n_features(self) -> int:
        """The number of features of a row."""
        return int(self.weights.shape[-1])

    def decision_function(self, X: Any) -> Array:
        """Return z = weights . x + bias: in float64, also of float32 rows, so that its sign is that of z.

        Returns
        -------
        ndarray of shape (n_rows,), or (n_rows, n_classes) for three or more classes, float64
        """
        return self._of_rows(X, lambda rows, weights, _: prediction.decision_values(rows, weights))

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes, which sum to 1 in each row.

        The first of two classes is computed as sigmoid(-z), which is accurate where the second rounds to 1. The ratios
        of more are right even where all sigmoids underflow, or exp(z) overflows. The first of the largest probabilities
        of a row is always that of the class that `predict` returns.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float32 for float32 and float16 rows, else float64
        """
        is_softmax = self.activation == "softmax"
        return self._of_rows(X, lambda rows, weights, dtype: prediction.probabilities(rows, weights, dtype, is_softmax))

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, computed from z: relatively accurate also near log(0) and log(1).

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float32 for float32 and float16 rows, else float64

        Examples
        --------
        >>> Perceptron([1.0], 0.0, ["no", "yes"]).predict_log_proba([1000.0, -50.0])
        array([[-1.00000000e+03,  0.00000000e+00],
               [-1.92874985e-22, -5.00000000e+01]])
        """

        def logs(rows: Any, weights: Array, dtype: type) -> Array:
            return self.log_probabilities_of(prediction.decision_values(rows, weights), dtype)

        return self._of_rows(X, logs)

    def log_probabilities_of(self, z: Array, dtype: type = np.float64) -> Array:
        """Return the logarithms of the probabilities, given what `decision_function` returns."""
        return prediction.log_probabilities(z, dtype, self.activation == "softmax")

    def predict(self, X: Any) -> Any:
        """Return the class of each row: of two the second if z > 0, of more the one with the largest z.

        A tie is the first class, as in scikit-learn and in ``predict_proba(X).argmax(axis=1)``. In the tutorial, where
        p < 0.5 is the first class, z = 0 would be the second; no trained weights give exactly that.

        Returns
        -------
        ndarray of shape (n_rows,), or a single label for a single row
        """

        def labels(rows: Any, weights: Array, _: type) -> Array:
            return self.classes[prediction.class_numbers(prediction.decision_values(rows, weights))]

        return self._of_rows(X, labels)

    def cost(self, X: Any, y: Any, loss: str = "squared_error") -> float:
        """Return the mean cost over the rows; for the squared error it is the Brier score.

        The target of a neuron is 1 for the rows of its class and 0 for the others. The cost of a row for three or more
        classes is the sum over the neurons; with softmax, the log loss is -log of the probability of the row's class.
        X is not a Dataset here.

        Raises
        ------
        ValueError, TypeError
            If y has another length or a label not in `classes`, or the loss is unknown.
        """
        choice(loss, LOSSES, "loss")
        rows, _, _ = self._rows(X)
        codes = codes_of(np.atleast_1d(np.asarray(y)), rows.n_rows, self.classes)
        weights = prediction.padded(self.weights, self.bias)
        return prediction.mean_cost(rows, codes, weights, loss, self.activation == "softmax")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as a safetensors file; an old file is replaced only when the new one is complete.

        Raises
        ------
        OSError
            If the file cannot be written: the folder is missing, or the path is not that of a regular file.
        ModuleNotFoundError
            If safetensors is not installed.
        """
        write_model(path, self)

    def _of_rows(self, X: Any, function: Callable[[Any, Array, type], Array]) -> Array:
        """Return what a function gives of rows, padded weights and the dtype of probabilities; of one row without axis.

        It raises ValueError if a data set has no rows.
        """
        if is_collection(X):
            lazy: Any = predicted(functools.partial(self._of_rows, function=function), self.aligned(X), self)
            return lazy  # type: ignore[no-any-return]  # what Dask computes as an array
        if isinstance(X, Dataset):
            parts = [self._of_rows(block.X, function) for block in self.aligned(X).blocks()]
            if not parts:
                raise ValueError("the data set has no rows.")
            return np.concatenate(parts)
        rows, is_one, dtype = self._rows(X)
        result = function(rows, prediction.padded(self.weights, self.bias), dtype)
        return result[0] if is_one else result

    def aligned(self, data: Any, *, has_labels: bool = False) -> Any:
        """Return a data set or frame with this model's features, chosen by name if both have names; arrays unchanged.

        A data set keeps its labels on request.

        Raises
        ------
        ValueError
            If it does not have these features.
        """
        if not isinstance(data, Dataset):
            return columns_by_name(data, self.feature_names)
        if self.feature_names is not None and data.feature_names is not None:
            data = data.with_features(self.feature_names, has_labels=has_labels, classes=self.classes)
        data = data.widened(self.n_features, self.first_column)
        if data.n_features != self.n_features:
            raise ValueError(f"X has {data.n_features} features, but the model was trained on {self.n_features}.")
        return data

    def _rows(self, X: Any) -> tuple[ArrayRows | SparseRows, bool, type]:
        """Return the rows, whether they are one row without an axis, and the dtype of their probabilities."""
        check_is_array_like(X, "X")
        X = self.aligned(as_numpy(X, "X"))
        if is_sparse(X) or is_sparse_frame(X):
            sparse = as_matrix_or_csr(X, self.n_features)
            return rows_of(sparse), False, kernel_dtype(sparse.dtype)
        n_axes = np.ndim(X) if column_names(X) is None else 2
        is_one = n_axes == 0 or (n_axes == 1 and self.n_features > 1)
        matrix = as_matrix(np.reshape(X, (1, -1)) if is_one else X, self.n_features)
        return ArrayRows(matrix), is_one, kernel_dtype(matrix.dtype)

    def __eq__(self, other: object) -> bool:
        """Return whether the other is the same model to the bit, its history included."""
        if not isinstance(other, Perceptron):
            return NotImplemented
        arrays, others = (
            (
                each.weights.shape,
                each.weights.tobytes(),
                np.atleast_1d(each.bias).tobytes(),
                # Text is the same as strings of any width and as objects.
                "text" if each.classes.dtype.kind in "UO" else each.classes.dtype,
                each.classes.tolist(),
            )
            for each in (self, other)
        )
        names = ("feature_names", "target_name", "first_column", "activation", "history")
        return arrays == others and all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self) -> int:
        """Hash by the weights: equal models have equal ones."""
        return hash((self.weights.tobytes(), *np.atleast_1d(self.bias).tolist()))

    def __repr__(self) -> str:
        """Show weights by feature name (or x0, x1 and so on), bias and classes."""
        return as_text(self)


def load(path: str | os.PathLike[str]) -> Perceptron:
    """Return the model that `Perceptron.save` wrote to a file, equal to the saved one to the bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it is not a regular file, or may not be read.
    ValueError
        If the file is not a model, is truncated, or was changed after it was written.
    ModuleNotFoundError
        If safetensors is not installed.
    """
    return read_model(path, Perceptron)

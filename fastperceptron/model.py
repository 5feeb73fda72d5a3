"""Perceptron: a trained neuron as an immutable value that predicts, compares and is stored; training is elsewhere."""

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastperceptron.checks import Array, as_matrix, check_finite, choice
from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.data.labels import codes_of
from fastperceptron.history import History
from fastperceptron.kernels.activation import sigmoid
from fastperceptron.kernels.loops import loop_over_one
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.prediction import TILE, decision_values, total_cost_kernel
from fastperceptron.kernels.rows import padded_size
from fastperceptron.storage import load_tensors, not_a_model, save_tensors

_HISTORY_NUMBERS = ("n_steps", "n_drawn", "epoch_seed")


@dataclass(frozen=True, eq=False, repr=False)
class Perceptron:
    """One sigmoid neuron: p = sigmoid(weights . x + bias) is the probability of the second class.

    Rows are given as an array-like of shape (n_rows, n_features), or as one row of shape (n_features,); a model of a
    single feature takes 1-d input for many rows. Results for one row have no row dimension.

    Parameters
    ----------
    weights : array-like of shape (n_features,)
    bias : float
    classes : array-like of shape (2,)
        The labels that p near 0 and p near 1 stand for: numbers, booleans or strings.
    feature_names : sequence of str, optional
    history : History
        What training recorded.

    Raises
    ------
    ValueError
        If a shape is not as above, or a weight is NaN or infinite.

    Examples
    --------
    >>> model = Perceptron([1.0, -2.0], 0.5, ["short", "tall"])
    >>> model.predict([[3.0, 0.0], [0.0, 3.0]])
    array(['tall', 'short'], dtype='<U5')
    >>> model.predict_proba([3.0, 0.0]).round(3)
    array([0.029, 0.971])
    """

    weights: Array
    bias: float
    classes: Array
    feature_names: tuple[str, ...] | None = None
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        weights, classes = np.array(self.weights, dtype=np.float64), np.array(self.classes)
        if weights.ndim != 1 or weights.size == 0:
            raise ValueError(f"weights must have shape (n_features,), but have {weights.shape}.")
        if classes.shape != (2,):
            raise ValueError(f"classes must be two labels, but have shape {classes.shape}.")
        if not (np.isfinite(weights).all() and np.isfinite(self.bias)):
            raise ValueError(f"weights and bias must be finite, but are {weights} and {self.bias}.")
        names = None if self.feature_names is None else tuple(self.feature_names)
        if names is not None and len(names) != weights.size:
            raise ValueError(f"feature_names has {len(names)} names for {weights.size} weights.")
        weights.flags.writeable = classes.flags.writeable = False
        settled = {"weights": weights, "bias": float(self.bias), "classes": classes, "feature_names": names}
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    @property
    def n_features(self) -> int:
        """The number of features of a row."""
        return self.weights.size

    def decision_function(self, X: Any) -> Array:
        """Return z = weights . x + bias, computed in float64.

        Returns
        -------
        ndarray of shape (n_rows,), float64

        Raises
        ------
        ValueError, TypeError
            If X is empty, not numeric, not finite or has another number of features.
        """
        z, is_one = self._decision_values(X)
        return z[0] if is_one else z

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the two classes.

        The first is computed as sigmoid(-z), which is accurate where the second rounds to 1.

        Returns
        -------
        ndarray of shape (n_rows, 2), float64

        Raises
        ------
        ValueError, TypeError
            As `decision_function`.
        """
        z, is_one = self._decision_values(X)
        columns = np.empty((2, z.size))
        for sign, column in ((-1.0, columns[0]), (1.0, columns[1])):
            loop_over_one(sigmoid)(read_only(sign * z), column)
        probabilities = np.ascontiguousarray(columns.T)
        return probabilities[0] if is_one else probabilities

    def predict(self, X: Any) -> Any:
        """Return the class of each row: the first where its p < 0.5, as in the tutorial, else the second.

        Returns
        -------
        ndarray of shape (n_rows,), or a single label for a single row

        Raises
        ------
        ValueError, TypeError
            As `decision_function`.
        """
        return self.classes[(self.predict_proba(X)[..., 1] >= 0.5).astype(np.intp)]

    def cost(self, X: Any, y: Any, loss: str = "squared_error") -> float:
        """Return the mean cost of the rows; that of the squared error is the Brier score.

        Raises
        ------
        ValueError, TypeError
            As `decision_function`, or if y has another length or a label not in `classes`, or the loss is unknown.
        """
        total_cost = total_cost_kernel(choice(loss, LOSSES, "loss"))
        rows, _ = self._rows(X)
        codes = codes_of(np.atleast_1d(np.asarray(y)), rows.n_rows, self.classes)
        total, scratch = 0.0, np.empty(2 * TILE)
        for place, block in rows.blocks():
            check_finite(block, place.start)
            total += total_cost(block, codes[place], self._padded_weights(), scratch)
        return float(total / rows.n_rows)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as a safetensors file; the old file stays whole until the new one is.

        Raises
        ------
        OSError
            If the file cannot be written.
        ModuleNotFoundError
            If safetensors is not installed.
        """
        tensors = {"weights": self.weights, "bias": np.array([self.bias])}
        tensors |= {"history.costs": self.history.costs, "history.steps": self.history.steps}
        if self.history.pending is not None:
            tensors["history.pending"] = self.history.pending
        described: dict[str, Any] = {name: getattr(self.history, name) for name in _HISTORY_NUMBERS}
        described["feature_names"] = self.feature_names
        if self.classes.dtype.kind == "U":
            described["classes"] = self.classes.tolist()
        else:
            tensors["classes"] = self.classes
        save_tensors(path, tensors, described)

    def _decision_values(self, X: Any) -> tuple[Array, bool]:
        rows, is_one = self._rows(X)
        z = np.empty(rows.n_rows)
        for place, block in rows.blocks():
            check_finite(block, place.start)
            decision_values(block, self._padded_weights(), z[place])
        return z, is_one

    def _rows(self, X: Any) -> tuple[ArrayRows, bool]:
        is_one = np.ndim(X) == 0 or (np.ndim(X) == 1 and self.n_features > 1)
        return ArrayRows(as_matrix(np.reshape(X, (1, -1)) if is_one else X, self.n_features)), is_one

    def _padded_weights(self) -> Array:
        padded = np.zeros(padded_size(self.n_features))
        padded[: self.n_features] = self.weights
        padded[self.n_features] = self.bias
        return padded

    def __eq__(self, other: object) -> bool:
        """Return whether the other is the same model to the bit, its history included."""
        if not isinstance(other, Perceptron):
            return NotImplemented
        return (
            self.weights.tobytes() == other.weights.tobytes()
            and self.bias == other.bias
            and self.classes.dtype == other.classes.dtype
            and np.array_equal(self.classes, other.classes)
            and self.feature_names == other.feature_names
            and self.history == other.history
        )

    def __hash__(self) -> int:
        """Hash by the weights: equal models have equal ones."""
        return hash((self.weights.tobytes(), self.bias))

    def __repr__(self) -> str:
        """Show the neuron as its formula's numbers, by name where the features have names."""
        names = self.feature_names or [f"x{number}" for number in range(self.n_features)]
        shown = [f"{name}: {weight:.4g}" for name, weight in zip(names, self.weights, strict=True)]
        if len(shown) > 8:
            shown[6:-1] = [f"... {len(shown) - 7} more ..."]
        first, second = self.classes.tolist()
        return f"Perceptron(weights={{{', '.join(shown)}}}, bias={self.bias:.4g}, classes=[{first!r}, {second!r}])"


def load(path: str | os.PathLike[str]) -> Perceptron:
    """Return the model that `Perceptron.save` wrote to a file, equal to the saved one to the bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a model, or is truncated.
    ModuleNotFoundError
        If safetensors is not installed.
    """
    tensors, described = load_tensors(path)
    try:
        classes = np.array(described["classes"]) if "classes" in described else tensors["classes"]
        numbers = {name: described[name] for name in _HISTORY_NUMBERS}
        pending = tensors.get("history.pending")
        history = History(tensors["history.costs"], tensors["history.steps"], pending=pending, **numbers)
        (bias,) = tensors["bias"]
        return Perceptron(tensors["weights"], bias, classes, described["feature_names"], history)
    except (KeyError, ValueError, TypeError) as error:
        raise not_a_model(path, error) from error

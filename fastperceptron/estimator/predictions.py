"""What a classifier says of rows, by the coefficients that it has when it is asked."""

import os
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from fastperceptron.checks import Array, as_numpy, is_collection
from fastperceptron.cluster.collections import CollectionDataset
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.labels import as_labels
from fastperceptron.estimator import table
from fastperceptron.estimator.coefficients import are_set, model_of
from fastperceptron.estimator.input import as_rows, check_columns_are_numbers
from fastperceptron.evaluation.scores import accuracy
from fastperceptron.lazy import n_features_of_collection
from fastperceptron.model import Perceptron


class Predictions(ClassifierMixin):  # type: ignore[misc]  # scikit-learn ships no types
    """The methods that predict, and the model that they ask."""

    @property
    def model_(self) -> Perceptron:
        """The present coefficients as a `Perceptron`; raises NotFittedError without, ValueError if they do not fit."""
        return model_of(self, getattr(self, "_target_name", None))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `model_` as a safetensors file, which `fastperceptron.load` reads. See `Perceptron.save`."""
        self.model_.save(path)

    def decision_function(self, X: Any) -> Array:
        """Return z = w . x + b of each row, float64: of shape (n_rows,) for two classes, else (n_rows, n_classes)."""
        return self._ask_model("decision_function", X)

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row; of equally probable ones, as at z = 0, the first.

        This and the other methods give a lazy collection of an array or a frame of Dask, with its chunks and index.
        """
        return self._ask_model("predict", X)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (n_rows, n_classes): float32 for float32 rows, else float64."""
        return self._ask_model("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, accurate also where those round to 0 or 1; dtype as of those."""
        return self._ask_model("predict_log_proba", X)

    def _ask_model(self, method: str, X: Any) -> Array:
        model = self.model_
        if is_collection(X):
            check_columns_are_numbers(X._meta)
            table.check_n_features(self, n_features_of_collection(X))
            lazy: Array = getattr(model, method)(X)
            return lazy
        rows = table.with_features_of(self, X) if isinstance(X, Dataset) else as_rows(self, X)
        result: Array = getattr(model, method)(rows)
        return result

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the share of the rows (or of their weight) whose class is predicted.

        It raises ValueError if labels are missing or of another kind than the classes, as text for numbers; of a
        Dataset also if one is not among the classes. It raises TypeError if labels mix kinds.
        """
        X, y, sample_weight = table.as_data(self, X, y, sample_weight, "score")
        if not isinstance(X, Dataset):
            y = y if y is None else as_labels(as_numpy(y, "y"))
            return float(super().score(X, y, as_numpy(sample_weight, "sample_weight")))
        table.check_goes_alone(y, sample_weight)
        if isinstance(X, CollectionDataset):
            return X.accuracy(self.model_)
        return accuracy(self.model_, table.with_features_of(self, X, np.asarray(self.classes_)))

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: sparse rows are taken, too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there are coefficients, by a fit or set by a user."""
        return are_set(self)

"""The result of `inference` for three or more classes of which each has a neuron of its own."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastperceptron.uncertainty.result import Inference
from fastperceptron.uncertainty.summary import as_frame


class InferenceByClass(Mapping[Any, Inference]):
    """The result of `fastperceptron.inference` for three or more classes: an `Inference` for each neuron, by class.

    Each neuron separates its class from all others; it has a likelihood and standard errors of its own.
    """

    def __init__(self, of_class: dict[Any, Inference]) -> None:
        self._of_class = of_class

    def __getitem__(self, label: Any) -> Inference:
        """Return the inference of the neuron of a class."""
        return self._of_class[label]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the classes."""
        return iter(self._of_class)

    def __len__(self) -> int:
        """Return the number of classes."""
        return len(self._of_class)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return one frame of all classes, see `Inference.to_frame`, whose first column is the class."""
        return as_frame(self.table(), backend)

    def table(self) -> dict[str, list[Any]]:
        """Return the columns of `to_frame` by name."""
        tables = [each.table() for each in self.values()]
        labels = [label for label, each in self.items() for _ in each.names]
        return {"class": labels, **{name: [value for table in tables for value in table[name]] for name in tables[0]}}

    def __str__(self) -> str:
        """Return the tables as text."""
        return "\n\n".join(map(str, self.values()))

    def __repr__(self) -> str:
        """Show the classes; `print` shows the tables."""
        return f"InferenceByClass({', '.join(map(repr, self))})"

    def _repr_html_(self) -> str:
        """Return the tables for notebooks."""
        return "".join(each._repr_html_() for each in self.values())

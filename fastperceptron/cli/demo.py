"""The tutorial's whole procedure on its own flowers: train, classify the unknown flower, measure, draw, save."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastperceptron import reference
from fastperceptron.checks import Array
from fastperceptron.data.flowers import load_flowers
from fastperceptron.model import Perceptron
from fastperceptron.plot import plot_activation, plot_boundary, plot_cost
from fastperceptron.training.tutorial.train import train

UNKNOWN_FLOWER = (6.6, 3.0)
REFERENCE_STEPS = 5_000


@dataclass(frozen=True)
class DemoResult:
    """The results of the demo: the model, its data of two features, and nanoseconds per step."""

    model: Perceptron
    X: Array
    y: Array
    nanoseconds: float
    reference_nanoseconds: float

    @property
    def accuracy(self) -> float:
        """The share of flowers whose species is predicted."""
        return float(np.mean(self.model.predict(self.X) == self.y))

    @property
    def unknown(self) -> tuple[str, float]:
        """The predicted species of the unknown flower, and its probability."""
        probabilities = self.model.predict_proba(UNKNOWN_FLOWER)
        return str(self.model.predict(UNKNOWN_FLOWER)), float(probabilities.max())


def run_demo(steps: int, seed: int, progress: bool = False) -> DemoResult:
    """Train on sepal length and width, as the tutorial does; time it and the plain-Python reference."""
    flowers = load_flowers()
    X, y = flowers.X[:, :2], flowers.y
    train(X, y, steps=100, rng=0)  # loads or compiles the kernels before the clock starts
    start = time.perf_counter()
    model = train(X, y, steps=steps, rng=seed, progress=progress)
    nanoseconds = (time.perf_counter() - start) / steps * 1e9
    model = replace(model, feature_names=flowers.feature_names[:2])
    return DemoResult(model, X, y, nanoseconds, _time_reference(X, y == model.classes[1], seed))


def _time_reference(X: Array, y: Array, seed: int) -> float:
    rng = np.random.default_rng(seed)
    rows, targets, order = X.tolist(), y.astype(float).tolist(), rng.integers(len(X), size=REFERENCE_STEPS).tolist()
    start = time.perf_counter()
    reference.train(rows, targets, order, rng.standard_normal(2).tolist(), 0.0)
    return (time.perf_counter() - start) / REFERENCE_STEPS * 1e9


def write_demo(result: DemoResult, directory: Path) -> list[Path]:
    """Write the three pictures and the model, and return their paths."""
    # Figures without pyplot, which would look for a screen, and takes longer to import.
    from matplotlib.figure import Figure

    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / name for name in ("activation.png", "flowers.png", "cost.png", "model.safetensors")]
    # Fixed margins: constrained layout draws everything twice, which takes half a second here.
    figures = [Figure(figsize=(6.4, 4.8), dpi=110) for _ in range(3)]
    for figure, bottom in zip(figures, (0.12, 0.23, 0.12), strict=True):  # the legend of the flowers is below
        figure.subplots_adjust(left=0.12, right=0.95, top=0.92, bottom=bottom)
    plot_activation(ax=figures[0].subplots())
    plot_boundary(result.model, result.X, result.y, unknown=UNKNOWN_FLOWER, ax=figures[1].subplots())
    plot_cost(result.model, ax=figures[2].subplots())
    for figure, path in zip(figures, paths, strict=False):
        figure.savefig(path)
    result.model.save(paths[-1])
    return paths

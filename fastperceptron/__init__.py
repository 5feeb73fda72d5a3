"""fastperceptron: one sigmoid neuron, the fastest and most trustworthy trainer of sigmoid classifiers on a CPU.

A name is imported at its first use (PEP 562): `import fastperceptron` imports neither Numba nor anything optional.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastperceptron.cluster.sources import dataset as dataset
    from fastperceptron.data.dataset import Dataset as Dataset
    from fastperceptron.data.flowers import load_flowers as load_flowers
    from fastperceptron.data.synthetic import synthetic as synthetic, two_flowers as two_flowers
    from fastperceptron.estimator.classifier import PerceptronClassifier as PerceptronClassifier
    from fastperceptron.evaluation.reliability import calibration as calibration
    from fastperceptron.evaluation.scores import evaluate as evaluate
    from fastperceptron.functional import (
        log_loss as log_loss,
        sigmoid as sigmoid,
        sigmoid_derivative as sigmoid_derivative,
        slope as slope,
        squared_error as squared_error,
        squared_error_derivative as squared_error_derivative,
    )
    from fastperceptron.model import Perceptron as Perceptron, load as load
    from fastperceptron.onnx_converter import register_onnx_converter as register_onnx_converter
    from fastperceptron.training.tutorial.train import train as train
    from fastperceptron.uncertainty.inference import inference as inference
    from fastperceptron.uncertainty.result import Inference as Inference

__version__ = "0.1.0"

_NAMES = {
    "data.dataset": ["Dataset"],
    "data.flowers": ["load_flowers"],
    "cluster.sources": ["dataset"],
    "data.synthetic": ["synthetic", "two_flowers"],
    "estimator.classifier": ["PerceptronClassifier"],
    "evaluation.scores": ["evaluate"],
    "functional": ["log_loss", "sigmoid", "sigmoid_derivative", "slope", "squared_error", "squared_error_derivative"],
    "model": ["Perceptron", "load"],
    "onnx_converter": ["register_onnx_converter"],
    "evaluation.reliability": ["calibration"],
    "training.tutorial.train": ["train"],
    "uncertainty.inference": ["inference"],
    "uncertainty.result": ["Inference"],
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

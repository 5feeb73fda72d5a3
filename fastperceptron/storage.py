"""Models and checkpoints on disk: one safetensors file, never pickle, since loading a pickle may run foreign code.

Numbers are stored as tensors, without rounding; labels too, or as JSON in the metadata where they are strings.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.atomic import write_atomically
from fastperceptron.checks import Array

FORMAT = "fastperceptron/1"


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ModuleNotFoundError as error:
        message = "models are stored by the package safetensors: pip install safetensors"
        raise ModuleNotFoundError(message, name=error.name) from error
    return safetensors


def save_tensors(path: str | os.PathLike[str], tensors: dict[str, Array], described: dict[str, Any]) -> None:
    """Write arrays and a description that JSON can hold to `path`, atomically."""
    # safetensors reads an array's memory as if it were contiguous.
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    metadata = {"format": FORMAT, "description": json.dumps(described)}
    write_atomically(Path(path), _safetensors().numpy.save(contiguous, metadata))


def load_tensors(path: str | os.PathLike[str], kind: str = "model") -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the description of a file.

    It raises FileNotFoundError if there is none, ValueError if `save_tensors` did not write it or it is truncated.
    """
    safetensors = _safetensors()
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no {kind} file {os.fspath(path)!r}.")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"its format is {metadata.get('format')!r}, not {FORMAT!r}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # `file` is not a mapping
        return tensors, json.loads(metadata["description"])
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise not_a_model(path, error, kind) from error


def not_a_model(path: str | os.PathLike[str], reason: object, kind: str = "model") -> ValueError:
    """Return the error for a file that does not hold a whole model or checkpoint."""
    return ValueError(f"{os.fspath(path)!r} is not a whole fastperceptron {kind}: {reason}")

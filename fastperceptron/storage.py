"""Models and checkpoints on disk: one safetensors file, never pickle, since loading a pickle may run foreign code.

Numbers are stored as tensors, without rounding; all else as JSON in the metadata, under one key: safetensors writes
several in random order. A digest of the whole file is part of the metadata. Files of format 1 had two keys and none.
"""

import hashlib
import json
import os
from typing import Any

import numpy as np

from fastperceptron.atomic import check_is_file, local_path, write_atomically
from fastperceptron.checks import Array

NAME, FORMAT = "fastperceptron", "fastperceptron/2"
OLD_FORMAT = "fastperceptron/1"
_NO_DIGEST = "0" * 64  # stands where the digest will be while it is computed


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ModuleNotFoundError as error:
        message = "models are stored by the package safetensors: pip install safetensors"
        raise ModuleNotFoundError(message, name=error.name) from error
    return safetensors


def save_tensors(path: str | os.PathLike[str], tensors: dict[str, Array], described: dict[str, Any]) -> None:
    """Write arrays and a description that JSON can hold to `path`, atomically; equal ones give equal bytes.

    It raises ValueError if a text of the description would not be read as it is: half a character may stand alone, but
    JSON joins two of them.
    """
    # safetensors reads an array's memory as if it were contiguous.
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    about = {"format": FORMAT, "digest": _NO_DIGEST, "description": described}
    text = json.dumps(about)
    if json.loads(text) != about:
        raise ValueError("a label or a name holds two surrogates that are not one character: rename it.")
    content = _safetensors().numpy.save(contiguous, {NAME: text})
    digest = hashlib.sha256(content).hexdigest()
    write_atomically(local_path(path), content.replace(_NO_DIGEST.encode(), digest.encode(), 1))


def load_tensors(path: str | os.PathLike[str], kind: str = "model") -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the description of a file.

    It raises FileNotFoundError if there is none, ValueError if `save_tensors` did not write it or it has changed since.
    """
    safetensors, place = _safetensors(), local_path(path)
    check_is_file(place)
    if not place.exists():
        raise FileNotFoundError(f"there is no {kind} file {os.fspath(path)!r}.")
    content = place.read_bytes()
    try:
        described = _description(content)
        return safetensors.numpy.load(content), described
    except Exception as error:  # whatever cannot be read is wrong with these bytes
        raise not_a_model(path, error, kind) from error


def _description(content: bytes) -> dict[str, Any]:
    """Return the description in a file; raise ValueError, KeyError, TypeError, ... if it is not whole."""
    if not content:
        raise ValueError("it is empty")
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    if metadata.get("format") == OLD_FORMAT:
        described = json.loads(metadata["description"])
    else:
        about = json.loads(metadata.get(NAME, "{}"))
        if about.get("format") != FORMAT:
            raise ValueError(f"its format is {about.get('format', metadata.get('format'))!r}, not {FORMAT!r}")
        described, digest = about["description"], about["digest"]
        blank = content.replace(digest.encode(), _NO_DIGEST.encode(), 1)
        if hashlib.sha256(blank).hexdigest() != digest:
            raise ValueError("its digest differs: it was damaged, or changed after it was written")
    if not isinstance(described, dict):
        raise TypeError(f"its description is {type(described).__name__}, not a mapping")
    return described


def not_a_model(path: str | os.PathLike[str], reason: object, kind: str = "model") -> ValueError:
    """Return the error for a file that does not hold a whole model or checkpoint."""
    return ValueError(f"{os.fspath(path)!r} is not a whole fastperceptron {kind}: {reason}")

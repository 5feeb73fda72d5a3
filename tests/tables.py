"""Made tables, the same values in other memory layouts, and the bits of what was learnt."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit


def drawn_labels(z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return labels 0 and 1, uint8, of which 1 has the probability sigmoid(z)."""
    return (rng.random(len(z)) < expit(z)).astype(np.uint8)


def classes_around_centres(n_classes: int = 2, n_rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Return overlapping classes in 4 columns of unit deviation within a class."""
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n_rows)
    centres = 1.5 * rng.normal(size=(n_classes, 4))
    return centres[y] + rng.normal(size=(n_rows, 4)), y


def classes_of_mixed_scales(n_classes: int = 2, n_rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Return overlapping classes in 4 columns of very different scale and offset."""
    X, y = classes_around_centres(n_classes, n_rows)
    return X * [1, 1e3, 1e-3, 1] + [0, 1e4, 0, 5], y


def layouts(X: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """Return the same values in every memory layout, by name; a memory map in the folder."""
    wide = np.zeros((2 * X.shape[0], 2 * X.shape[1]), X.dtype)
    wide[::2, 1::2] = X
    unwritable = X.copy()
    unwritable.flags.writeable = False
    np.save(folder / "rows.npy", X)
    return {
        "F": np.asfortranarray(X),
        "strided": wide[::2, 1::2],
        "reversed": np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
        "bytes swapped": X.astype(X.dtype.newbyteorder()),
        "read-only": unwritable,
        "memmap": np.load(folder / "rows.npy", mmap_mode="r"),
        "unaligned": np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(X.dtype).reshape(X.shape),
    }


def bits(fitted: Any) -> bytes:
    """Return the bytes of the weights, biases and loss curve of a classifier, a solution or an online engine."""
    names = ("coef_", "intercept_", "loss_curve_") if hasattr(fitted, "coef_") else ("weights", "bias", "loss_curve")
    return b"".join(getattr(getattr(fitted, "solution", fitted), name).tobytes() for name in names)

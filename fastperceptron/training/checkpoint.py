"""The checkpoint of a fit: the results of its reads of the data, in order.

What a solver computes between two reads is a function of the results of the reads before. So a fit that is restarted
repeats all of that, but takes each result that the checkpoint has instead of reading. It reaches the place where it was
killed by the same steps, and continues with the same bits. A solver's own variables need not be stored.
"""

import hashlib
import os
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.storage import load_tensors, save_tensors

# Seconds between writes of an incomplete answer.
SECONDS = 30.0
KIND = "checkpoint"
Tensors = dict[str, Array]


class Checkpoint:
    """The results of reads, called answers, in the order of the reads; each with a key that identifies its question.

    A context manager: on an error or an interrupt it writes the answers so far.

    Parameters
    ----------
    path : path-like
        The file. An existing one is continued.
    about : dict of str
        The options and the data that the answers belong to, as text.
    seconds : float
        Between writes of an incomplete answer.

    Raises
    ------
    ValueError
        If the file is not a checkpoint, or belongs to other data or options.
    OSError
        If it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], about: dict[str, str], seconds: float = SECONDS) -> None:
        self._path, self._about, self._seconds = Path(path), about, seconds
        self._keys: list[str] = []
        self._answers: list[Tensors] = []
        self._numbers: dict[str, int] = {}
        # Only the last answer may be incomplete.
        self._n_complete, self._place, self._is_changed = 0, 0, True
        if self._path.exists():
            self._load()
        self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None and self._is_changed:
            self._write()

    def number(self, name: str, drawn: int) -> int:
        """Return the number that an earlier run drew under this name, else keep the one drawn now."""
        if name not in self._numbers:
            self._numbers[name] = drawn
            self._write()
        return self._numbers[name]

    def recall(self, key: str) -> Tensors | None:
        """Return the answer to the next question, or None if an earlier run did not ask it.

        The caller continues an incomplete answer, and notes it under the same key.

        Raises
        ------
        ValueError
            If an earlier run asked another question here: the data differ.
        """
        if self._place == len(self._keys):
            return None
        if self._keys[self._place] != key:
            raise self._other("the rows", "those of the run that wrote it")
        answer = self._answers[self._place]
        self._place += self._place < self._n_complete
        return {name: tensor.copy() for name, tensor in answer.items()}

    def note(self, key: str, answer: Tensors, *, is_complete: bool) -> None:
        """Keep the answer to the question of the last `recall`; after a complete one, the next question follows."""
        if self._place == len(self._keys):
            self._keys.append(key)
            self._answers.append({})
        self._answers[self._place] = {name: tensor.copy() for name, tensor in answer.items()}
        self._is_changed = True
        self._place += is_complete
        self._n_complete = self._place
        if is_complete or time.monotonic() - self._written >= self._seconds:
            self._write()

    def _write(self) -> None:
        tensors = {f"{k}.{name}": tensor for k, answer in enumerate(self._answers) for name, tensor in answer.items()}
        described: dict[str, Any] = {"kind": KIND, "about": self._about, "keys": self._keys}
        described |= {"numbers": self._numbers, "complete": self._n_complete}
        save_tensors(self._path, tensors, described)
        self._written, self._is_changed = time.monotonic(), False

    def _load(self) -> None:
        tensors, described = load_tensors(self._path, "checkpoint")
        if described.get("kind") != KIND:
            raise ValueError(f"{os.fspath(self._path)!r} is a model, not a checkpoint: give another path.")
        for name, mine in self._about.items():
            its = described["about"].get(name)
            if its != mine:
                raise self._other(name, f"{its}, now {mine}")
        self._keys, self._numbers, self._n_complete = (described[name] for name in ("keys", "numbers", "complete"))
        self._answers = [{} for _ in self._keys]
        for name, tensor in tensors.items():
            number, _, part = name.partition(".")
            self._answers[int(number)][part] = tensor

    def _other(self, what: str, difference: str) -> ValueError:
        return ValueError(
            f"the checkpoint {os.fspath(self._path)!r} belongs to another fit: {what} differ (were {difference}). "
            "Give the same data and options to go on with it; or another path, or delete the file, to start over."
        )


def digest(*parts: Any) -> str:
    """Return a hash of the parts: arrays by their bytes, shapes and dtypes, other objects by their `repr`."""
    total = hashlib.sha256()
    for part in parts:
        is_array = isinstance(part, np.ndarray)
        total.update(repr((part.shape, part.dtype.str) if is_array else part).encode() + b"\0")
        if is_array:
            total.update(np.ascontiguousarray(part).tobytes())
    return total.hexdigest()[:32]

"""The checkpoint of a fit: the results of its reads of the data, in order.

What a solver computes between two reads is a function of the results of the reads before. So a fit that is restarted
repeats all of that, but takes each result that the checkpoint has instead of reading. It reaches the place where it was
killed by the same steps, and continues with the same bits. A solver's own variables need not be stored.

Answers hold for the rows that they were computed from. So the first read of a fit also hashes the rows, tile by tile,
and a checkpoint that is opened hashes the same rows again before it gives an answer.
"""

import hashlib
import os
import time
from typing import Any, Self

import numpy as np

from fastperceptron import __version__
from fastperceptron.atomic import local_path
from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.fingerprint import LAST_FACTOR, fingerprints
from fastperceptron.kernels.objective import rows_per_tile
from fastperceptron.storage import load_tensors, not_a_model, save_tensors

# Seconds between writes of an incomplete answer.
SECONDS = 30.0
KIND = "checkpoint"
SHOWN = 160  # letters of what differs
TILES_AT_A_TIME = 4  # hashed before they are summed: together they fit into cache
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
    rows : ArrayRows, SparseRows or PartedRows, optional
        The rows to be hashed; None for those of which `about` says all.

    Raises
    ------
    ValueError
        If the file is not a checkpoint, was damaged, or belongs to other data, options or another version.
    OSError
        If it cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        about: dict[str, str],
        seconds: float = SECONDS,
        *,
        rows: Any = None,
    ) -> None:
        self._path, self._about, self._seconds, self._rows = local_path(path), about, seconds, rows
        # The hash of the first rows, and how many they are.
        self._hash, self._n_hashed = 0, 0
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
        if error is None:
            self.hash_rest()
        if self._is_changed:
            self._write()

    def begins_hashing(self, rows: Any, first: int) -> bool:
        """Return whether a read that begins at this row must hash the rows, and call `add_hashes`.

        Where it reads others than those of the checkpoint (scaled ones), these are hashed here.
        """
        if self._rows is rows and self._n_hashed == first < rows.n_rows:
            return True
        self.hash_rest()
        return False

    def add_hashes(self, hashes: Array, stop: int) -> None:
        """Add the hashes of the next tiles, the last of which ends at row `stop`; to be noted with the answer."""
        self._hash, self._n_hashed, self._is_changed = chained(self._hash, hashes), stop, True

    def hash_rest(self) -> None:
        """Hash the rows that no read has hashed."""
        if self._rows is not None and self._n_hashed < self._rows.n_rows:
            self.add_hashes(hashes_of(self._rows, self._n_hashed, self._rows.n_rows), self._rows.n_rows)

    def number(self, name: str, drawn: int) -> int:
        """Return the number that an earlier run drew under this name, else keep the one drawn now."""
        if name not in self._numbers:
            self._numbers[name] = drawn
            self._write()
        return self._numbers[name]

    def recall(self, key: str, like: Tensors | None = None) -> Tensors | None:
        """Return the answer to the next question, or None if an earlier run did not ask it.

        The caller continues an incomplete answer, and notes it under the same key. `like` has the names, shapes and
        dtypes of the answer.

        Raises
        ------
        ValueError
            If an earlier run asked another question here: the data differ. If the answer is not `like` that.
        """
        if self._place == len(self._keys):
            return None
        if self._keys[self._place] != key:
            raise self._other("the rows", "those of the run that wrote it")
        answer = self._answers[self._place]
        if like is not None and _kinds(answer) != _kinds(like):
            raise not_a_model(self._path, f"it holds {_kinds(answer)} where {_kinds(like)} belong", KIND)
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
        described |= {"numbers": self._numbers, "complete": self._n_complete, "version": __version__}
        described["rows"] = [self._n_hashed, self._hash]
        save_tensors(self._path, tensors, described)
        self._written, self._is_changed = time.monotonic(), False

    def _load(self) -> None:
        tensors, described = load_tensors(self._path, "checkpoint")
        if described.get("kind") != KIND:
            raise ValueError(f"{os.fspath(self._path)!r} is a model, not a checkpoint: give another path.")
        if described.get("version") != __version__:
            raise ValueError(
                f"the checkpoint {os.fspath(self._path)!r} was written by fastperceptron {described.get('version')}, "
                f"and this is {__version__}: finish the fit with that version, or delete the checkpoint to start again."
            )
        try:
            for name, mine in self._about.items():
                its = described["about"].get(name)
                if its != mine:
                    raise self._other(name, "{}, now {}".format(*_around_difference(str(its), mine)))
            self._keys, self._numbers, self._n_complete = (described[name] for name in ("keys", "numbers", "complete"))
            self._n_hashed, self._hash = described["rows"]
            self._answers = [{} for _ in self._keys]
            for name, tensor in tensors.items():
                number, _, part = name.partition(".")
                self._answers[int(number)][part] = tensor
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise not_a_model(self._path, error, KIND) from error
        if self._rows is not None and chained(0, hashes_of(self._rows, 0, self._n_hashed)) != self._hash:
            raise self._other("the data", "other rows")

    def _other(self, what: str, difference: str) -> ValueError:
        return ValueError(
            f"the checkpoint {os.fspath(self._path)!r} belongs to another fit: {what} differ (were {difference}). "
            "Give the same data and options to go on with it; or give another path, or delete the checkpoint to start "
            "again."
        )


def _around_difference(*texts: str) -> list[str]:
    """Return the part of each text where they begin to differ."""
    first = next((place for place, letters in enumerate(zip(*texts, strict=False)) if len(set(letters)) > 1), 0)
    start = max(0, first - SHOWN // 4)
    return [("..." if start else "") + text[start : start + SHOWN] for text in texts]


def hash_tiles(X: Array, hashes: Array) -> None:
    """Write the hashes of the tiles of some rows, C-ordered as kernels take them, to `hashes`, uint64."""
    words = read_only(X.reshape(-1).view(np.uint32))
    n_tiles = -(-len(X) // rows_per_tile(X.shape[1]))
    fingerprints(words, rows_per_tile(X.shape[1]) * words.size // len(X), hashes[:n_tiles])


def chained(total: int, hashes: Array) -> int:
    """Return the hash of what `total` is the hash of, followed by the tiles of these hashes."""
    for tile in hashes.tolist():
        mixed = (total ^ tile) * int(LAST_FACTOR) % (1 << 64)
        total = mixed ^ mixed >> 32
    return total


def hashes_of(rows: Any, start: int, stop: int) -> Array:
    """Return the hashes of the tiles of the rows from start to stop, which are read for this alone."""
    if hasattr(rows, "hashes"):  # they lie elsewhere, and are hashed there
        found: Array = rows.hashes(start, stop)
        return found
    size = rows_per_tile(rows.n_features)
    hashes = np.zeros(-(-(stop - start) // size), np.uint64)
    for tile in range(0, hashes.size, TILES_AT_A_TIME):
        first = start + tile * size
        hash_tiles(rows.read(first, min(first + TILES_AT_A_TIME * size, stop)), hashes[tile:])
    return hashes


def _kinds(answer: Tensors) -> dict[str, str]:
    return {name: f"{tensor.dtype}{tensor.shape}" for name, tensor in sorted(answer.items())}


def digest(*parts: Any) -> str:
    """Return a hash of the parts: arrays by their bytes, shapes and dtypes, other objects by their `repr`."""
    total = hashlib.sha256()
    for part in parts:
        is_array = isinstance(part, np.ndarray)
        total.update(repr((part.shape, part.dtype.str) if is_array else part).encode() + b"\0")
        if is_array:
            total.update(np.ascontiguousarray(part).tobytes())
    return total.hexdigest()[:32]

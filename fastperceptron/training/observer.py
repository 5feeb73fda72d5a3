"""What a solver reports while it works, and the checkpoint that keeps what its reads returned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fastperceptron.training.checkpoint import Checkpoint


class Progress(NamedTuple):
    """Where a solver is after a read of the data. Values are divided by the rows' total weight; NaN means unknown."""

    n_reads: int
    objective: float
    gap: float


def ignore(progress: Progress) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Observer:
    """The functions that a solver calls while it works, and its checkpoint."""

    rows_read: Callable[[int], object] = int  # several times per read: with the number of rows since the call before
    read_done: Callable[[Progress], object] = ignore  # after each read
    checkpoint: Checkpoint | None = None  # keeps what each read returned, so that a killed fit need not read again


NOBODY = Observer()

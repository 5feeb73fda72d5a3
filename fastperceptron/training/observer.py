"""What a solver tells while it works: whoever watches (rows read, reads done), and the journal of a checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fastperceptron.training.journal import Journal


class Progress(NamedTuple):
    """Where a solver is after a read of the data; the values are per row's weight, NaN where not known."""

    n_reads: int
    objective: float
    gap: float


def ignore(progress: Progress) -> None:
    """Do nothing."""


def both(*listeners: Callable[[Progress], object]) -> Callable[[Progress], object]:
    """Return a function that tells all listeners."""

    def tell(progress: Progress) -> None:
        for listener in listeners:
            listener(progress)

    return tell


@dataclass(frozen=True)
class Observer:
    """Who is told what.

    Attributes
    ----------
    tell : callable
        Is told how many rows were just read, some times a read.
    passed : callable
        Is told of the progress after each read.
    journal : Journal, optional
        Keeps what was read, so that a killed fit need not read it again.
    """

    tell: Callable[[int], object] = int
    passed: Callable[[Progress], object] = ignore
    journal: Journal | None = None


NOBODY = Observer()

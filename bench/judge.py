"""What counts as having reached the target: judged from the weights each run returned, by code no competitor uses.

A time is the median of runs that all reached it. A competitor that did not is said not to have; its time is nowhere.
"""

import hashlib
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.competitors import Array, Fitted, Rows, TableKind
from bench.objective import deviations, log_loss_objective

# Of the best held-out log loss, and of the least objective, that any competitor reached: relative.
HELD_OUT_SLACK, OBJECTIVE_SLACK = 1e-3, 1e-6
# What C is chosen from, for each table and for all competitors alike.
PENALTIES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
TARGETS = ("held_out", "objective")
SLACKS = dict(zip(TARGETS, (HELD_OUT_SLACK, OBJECTIVE_SLACK), strict=True))


@dataclass(frozen=True)
class Run:
    """One fit: what it took, and how good it is."""

    seconds: float
    core_seconds: float
    held_out: float
    objective: float

    def of(self, target: str) -> float:
        """Return the loss that a target is about."""
        return float(getattr(self, target))


class Judge:
    """The losses of weights on one table.

    Parameters
    ----------
    X, y : ndarray or CSR matrix of shape (n_rows, n_features), ndarray of shape (n_rows,)
        The training rows; classes are 0, 1, and so on.
    X_held_out, y_held_out : as X and y
        Rows that no competitor saw.
    """

    def __init__(self, X: Rows, y: Array, X_held_out: Rows, y_held_out: Array) -> None:
        self._training, self._held_out, self._scale = (X, y), (X_held_out, y_held_out), deviations(X)
        self.kind, self.C = TableKind.of(X, y), 1.0
        self._known: dict[bytes, tuple[float, float]] = {}  # most fits end at the same weights whenever they run

    def choose_penalty(self, optimum: Callable[..., Fitted]) -> None:
        """Take the C whose optimum is best on the rows held out: nobody is to win by another C than the others."""
        losses = {C: self._held_out_loss(optimum(*self._training, C=C)) for C in PENALTIES}
        self.C = min(losses, key=lambda C: losses[C])

    def _held_out_loss(self, fitted: Fitted) -> float:
        no_penalty = np.zeros(self.kind.n_features)
        total = log_loss_objective(*self._held_out, fitted, no_penalty)
        return total / len(self._held_out[1])

    def run(self, told: dict[str, Any]) -> Run:
        """Return what a worker told, with the losses of its weights: infinite, where these are not finite."""
        weights, bias = np.asarray(told["weights"], np.float64), np.asarray(told["bias"], np.float64)
        _, n_features, n_classes, _ = self.kind
        shape = (n_classes, n_features) if n_classes > 2 else (n_features,)
        if weights.shape != shape or bias.shape != shape[:-1]:
            raise ValueError(
                f"a fit of {n_features} columns and {n_classes} classes returned weights of shape "
                f"{weights.shape} and a bias of shape {bias.shape}"
            )
        values = np.append(weights, bias)
        if not np.isfinite(values).all():
            return Run(told["seconds"], told["core_seconds"], math.inf, math.inf)
        key = hashlib.blake2b(values.tobytes()).digest()
        if key not in self._known:
            self._known[key] = self._losses(Fitted(weights, bias))
        return Run(told["seconds"], told["core_seconds"], *self._known[key])

    def _losses(self, fitted: Fitted) -> tuple[float, float]:
        objective = log_loss_objective(*self._training, fitted, self._scale, self.C) / len(self._training[1])
        return self._held_out_loss(fitted), objective


def bounds(runs: Sequence[Run]) -> dict[str, float]:
    """Return, for each target, the loss that reaches it: near the best of all runs of all competitors."""
    best = {target: min(run.of(target) for run in runs) for target in TARGETS}
    return {target: best[target] + SLACKS[target] * abs(best[target]) for target in TARGETS}


def fastest_setting(explored: Sequence[Run | None], target: str, bound: float) -> int | None:
    """Return the number of the fastest setting that reached a bound, or None."""
    there = [place for place, run in enumerate(explored) if run is not None and run.of(target) <= bound]
    return min(there, key=lambda place: explored[place].seconds) if there else None  # type: ignore[union-attr]


def time_of(runs: Sequence[Run], target: str, bound: float) -> float | None:
    """Return the median seconds of runs, all of which must have reached the bound, or None."""
    if not runs or any(run.of(target) > bound for run in runs):
        return None
    return statistics.median(run.seconds for run in runs)

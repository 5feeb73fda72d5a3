"""What counts as having reached the target: judged from the weights each run returned, by code no competitor uses.

A time is the median of runs that all reached it. A competitor that did not is said not to have; its time is nowhere.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from bench.competitors import OURS, Array, Competitor, Fitted
from bench.objective import deviations, log_loss_objective

# Of the best held-out log loss, and of the least objective, that any competitor reached: relative.
HELD_OUT_SLACK, OBJECTIVE_SLACK = 1e-3, 1e-6
# What C is chosen from, for each table and for all competitors alike.
PENALTIES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
TARGETS = ("held_out", "objective")
SLACKS = dict(zip(TARGETS, (HELD_OUT_SLACK, OBJECTIVE_SLACK), strict=True))
# A run must agree with itself on rescaled columns to this share of the logits' deviation.
SAME_LOGITS = 0.05


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
    X, y : ndarray
        The training rows.
    X_held_out, y_held_out : ndarray
        Rows that no competitor saw.
    """

    def __init__(self, X: Array, y: Array, X_held_out: Array, y_held_out: Array) -> None:
        self._training, self._held_out, self._scale = (X, y), (X_held_out, y_held_out), deviations(X)
        self.C = 1.0
        self._known: dict[bytes, tuple[float, float]] = {}  # most fits end at the same weights whenever they run

    def choose_penalty(self, optimum: Callable[..., Fitted]) -> None:
        """Take the C whose optimum is best on the rows held out: nobody is to win by another C than the others."""
        losses = {C: self._held_out_loss(optimum(*self._training, C=C)) for C in PENALTIES}
        self.C = min(losses, key=lambda C: losses[C])

    def _held_out_loss(self, fitted: Fitted) -> float:
        no_penalty = np.zeros(len(fitted.weights))
        total = log_loss_objective(*self._held_out, fitted.weights, fitted.bias, no_penalty)
        return total / len(self._held_out[1])

    def run(self, told: dict[str, Any]) -> Run:
        """Return what a worker told, with the losses of its weights: infinite, where these are not finite."""
        weights, bias = np.asarray(told["weights"], np.float64), float(told["bias"])
        n_features = self._training[0].shape[1]
        if weights.shape != (n_features,):
            raise ValueError(f"a fit of {n_features} columns returned weights of shape {weights.shape}")
        if not np.isfinite([*weights, bias]).all():
            return Run(told["seconds"], told["core_seconds"], math.inf, math.inf)
        key = np.append(weights, bias).tobytes()
        if key not in self._known:
            self._known[key] = self._losses(weights, bias)
        return Run(told["seconds"], told["core_seconds"], *self._known[key])

    def _losses(self, weights: Array, bias: float) -> tuple[float, float]:
        held_out = self._held_out_loss(Fitted(weights, bias))
        objective = log_loss_objective(*self._training, weights, bias, self._scale, self.C) / len(self._training[1])
        return held_out, objective


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


def check(competitor: Competitor) -> None:
    """Raise ValueError where an adapter leaves out work that is its competitor's.

    It must scale where the documentation says scale: then a fit of columns of scales from 0.001 to 1000 predicts what a
    fit of the same columns of one scale does. And where its library validates, the timed call must: NaN is refused. Of
    our own more is asked, since we could go round our own border: a label that is NaN, and rows without labels.
    """
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 4), dtype=np.float32)
    z = X @ np.array([1, -1, 0.5, 0.5], np.float32)
    y = (rng.random(len(z)) < expit(z)).astype(np.uint8)
    setting = competitor.settings[-1]
    if competitor.is_scaled:
        scales = np.array([1e-3, 1, 30, 1e3], np.float32)
        shifts = np.array([2e-3, 0, -50, 1e3], np.float32)
        plain, scaled = (competitor.fit(rows, y, C=1.0, **setting) for rows in (X, X * scales + shifts))
        expected, found = _logits(plain, X), _logits(scaled, X * scales + shifts)
        if not np.abs(found - expected).max() <= SAME_LOGITS * expected.std():
            raise ValueError(f"{competitor.name}: its documentation says scale, its adapter does not")
    bad = X.copy()
    bad[-1, -1] = np.nan
    wrong = {"a NaN": (bad, y)} if competitor.checks_values or competitor.package == OURS else {}
    if competitor.package == OURS:
        lacking = np.where(np.arange(len(y)) == 0, np.nan, y)
        wrong |= {"a label that is NaN": (X, lacking), "rows without labels": (X, y[:-1])}
    for what, arrays in wrong.items():
        try:
            competitor.fit(*arrays, C=1.0, **competitor.settings[0])
        except Exception:  # noqa: S112  # each library has its own, and any will do
            continue
        raise ValueError(f"{competitor.name}: the timed call does not validate: it took {what}")


def _logits(fitted: Fitted, X: Array) -> Array:
    return np.asarray(X.astype(np.float64) @ fitted.weights + fitted.bias)

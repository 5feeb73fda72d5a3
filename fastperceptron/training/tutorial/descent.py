"""The tutorial's gradient descent: it cuts the steps into kernel calls of milliseconds, and records the cost curve.

Between two calls Ctrl-C can stop the run, and progress is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastperceptron.checks import Array, choice, positive, whole_number
from fastperceptron.data.arrays import ArrayRows, aligned_zeros
from fastperceptron.history import History
from fastperceptron.kernels.gradient import scratch_shape
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.prediction import PREDICTION_TILE, columns_of, total_cost_kernel
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.steps import CostRecord, DescentState, StepRule, descent_kernel, settle, state_shape
from fastperceptron.kernels.vectors import LANES
from fastperceptron.training.tutorial.row_order import ROW_ORDERS

# Work of one kernel call in units of about a nanosecond: some 4 ms, so that Ctrl-C takes effect at once.
WORK_PER_CALL = 4_000_000
# A row's fixed work, in units of the work on one matrix element.
FIXED_WORK = 20


@dataclass(frozen=True)
class DescentOptions:
    """Options of gradient descent; the defaults are the tutorial's procedure. See `fastperceptron.train`."""

    steps: int = 100_000
    learning_rate: float = 0.2
    loss: str = "squared_error"
    batch_size: int = 1
    sampling: str = "with_replacement"
    record_every: int | None = 100

    def __post_init__(self) -> None:
        settled = {
            "steps": whole_number(self.steps, "steps"),
            "learning_rate": positive(self.learning_rate, "learning_rate"),
            "loss": choice(self.loss, LOSSES, "loss"),
            "batch_size": whole_number(self.batch_size, "batch_size"),
            "sampling": choice(self.sampling, ROW_ORDERS, "sampling"),
            "record_every": None if self.record_every is None else whole_number(self.record_every, "record_every"),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)


class Descent:
    """A run of gradient descent over rows with class numbers 0 and 1.

    `codes` is of shape (n_rows,), uint8; `start`, of shape (n_features + 1,), has the bias last; `history` is the
    record of earlier calls.
    """

    def __init__(
        self,
        rows: ArrayRows,
        codes: Array,
        options: DescentOptions,
        start: Array,
        history: History,
        rng: np.random.Generator,
    ) -> None:
        self._rows, self._codes, self._options, self._before = rows, codes, options, history
        arrays = aligned_zeros(state_shape(1, rows.n_features), np.float64)[0]
        self._state = DescentState._make([*arrays, np.zeros(2, np.int64)])
        self._state.weights[: start.size] = start
        if options.batch_size == 1 and history._unfinished_step is not None:
            self._resume(start, history._unfinished_step)
        self._scratch = aligned_zeros(scratch_shape(rows.n_features), rows.dtype)
        self._order = ROW_ORDERS[options.sampling](rows.n_rows, rng, history)
        self._descend = descent_kernel(options.loss, options.batch_size == 1, rows.n_features < LANES)
        self._rule = StepRule(float(options.learning_rate), batch_size=options.batch_size)
        columns = columns_of(next(rows.blocks())[1], codes) if rows.is_one_block else np.empty((0, 0))
        self._record = CostRecord(columns, np.empty_like(self._state.weights), np.empty(PREDICTION_TILE), np.empty(0))
        self._costs: list[Array] = []
        self._done = 0

    def run(self, report: Callable[[int], object]) -> None:
        """Take all steps; after each kernel call, `report` is called with the number of its steps."""
        while self._done < self._options.steps:
            n_steps, n_records = self._next_piece()
            order = self._order.take(n_steps * self._options.batch_size)
            X, y, places = self._rows.take(order, self._codes)
            costs = np.empty(n_records if self._rows.is_one_block else 0)
            record = self._record._replace(costs=costs)
            self._descend(X, y, places, self._state, self._rule, record, self._scratch)
            self._costs.append(costs if costs.size == n_records else np.array([self._mean_cost()]))
            self._done += n_steps
            report(n_steps)

    def _next_piece(self) -> tuple[int, int]:
        """Return the number of steps of the next kernel call, and of the costs recorded during it.

        The steps are whole recording intervals, or those up to the next record, or a part of these.
        """
        remaining = self._options.steps - self._done
        every = self._options.record_every
        work = (self._rows.n_features + FIXED_WORK) * self._options.batch_size
        if every is None:
            return min(remaining, max(1, WORK_PER_CALL // work)), 0
        if self._rows.is_one_block:
            work += (self._rows.n_features + FIXED_WORK) * self._rows.n_rows // every
        budget = min(remaining, max(1, WORK_PER_CALL // work))
        to_next = every - (self._before.n_steps + self._done) % every
        if to_next == every and every <= budget and self._rows.is_one_block:
            return budget // every * every, budget // every
        return min(to_next, budget), int(to_next <= budget)

    def _mean_cost(self) -> float:
        total_cost, scratch, weights = (
            total_cost_kernel(self._options.loss),
            np.empty(2 * PREDICTION_TILE),
            self._settled(),
        )
        total = sum(total_cost(X, self._codes[place], weights, scratch) for place, X in self._rows.blocks())
        return float(total / self._rows.n_rows)

    def _settled(self) -> Array:
        """Return the weights, padded, with the unfinished step taken."""
        weights = np.empty(padded_size(self._rows.n_features))
        settle(self._state, weights)
        return weights

    def _resume(self, start: Array, unfinished_step: Array) -> None:
        """Go on from the unfinished step of the run before, if the weights to start from are still its result."""
        size, state = start.size, self._state
        state.weights[:size], state.last_row[:size] = unfinished_step
        state.last_row[size - 1], state.last_step[0] = 1.0, unfinished_step[1, -1]
        if self._settled()[:size].tobytes() != start.tobytes():
            state.weights[:size], state.last_row[:size], state.last_step[0] = start, 0.0, 0.0

    @property
    def result(self) -> tuple[Array, History]:
        """The weights, bias last, and the history that includes the earlier one."""
        n_before, every = self._before.n_steps, self._options.record_every
        costs = np.concatenate([self._before.costs, *self._costs])
        n_new = costs.size - len(self._before)
        first = n_before // every + 1 if every else 0
        steps = np.concatenate([self._before.steps, (first + np.arange(n_new)) * (every or 0)])
        n_drawn = self._before.n_drawn + self._done * self._options.batch_size
        size, state = self._rows.n_features + 1, self._state
        history = History(costs, steps, n_before + self._done, n_drawn, self._order.epoch_seed)
        if self._options.batch_size == 1:
            history._keep(np.stack([state.weights[:size], [*state.last_row[: size - 1], state.last_step[0]]]))
        return self._settled()[:size], history

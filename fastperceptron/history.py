"""What training recorded: the cost curve, and what further training needs to continue where it stopped."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fastperceptron.checks import Array

LARGEST_COUNT = 1 << 62  # a count, and the steps that further training adds to it, fit into int64


def _frozen(values: Array, name: str, kinds: str, dtype: type) -> Array:
    """Return a copy that cannot be written to; raise ValueError unless all values are numbers of these kinds."""
    given = np.asarray(values)
    if given.dtype.kind not in kinds and given.size:
        raise ValueError(f"{name} must be {'whole ' * ('f' not in kinds)}numbers, but their dtype is {given.dtype}.")
    array: Array = np.array(given, dtype)
    array.flags.writeable = False
    return array


def _is_count(value: object, end: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(0 <= value < end)


@dataclass(frozen=True, eq=False)
class History:
    """The mean costs over all rows that training recorded.

    Attributes
    ----------
    costs : ndarray of shape (n_records,), float64
        The mean cost over all rows after the step of the same position in `steps`.
    steps : ndarray of shape (n_records,), int64
        Counted from 1, over all calls of `train` that led to the model.
    n_steps : int
        Steps taken so far.
    n_drawn : int
        Rows used so far; with sampling in epochs, it determines the position in the present epoch.
    epoch_seed : int or None
        The seed of the present epoch's order, if sampling is random.

    Raises
    ------
    ValueError
        If a shape, a dtype or a number is not as above.
    """

    costs: Array = field(default_factory=lambda: np.empty(0))
    steps: Array = field(default_factory=lambda: np.empty(0, np.int64))
    n_steps: int = 0
    n_drawn: int = 0
    epoch_seed: int | None = None
    # Training by single rows computes each step's z from the weights before the previous step. So that going on gives
    # the same bits as never having stopped, this holds weights and bias before the last step, and that step's row with
    # the step's size behind it: float64 of shape (2, n_features + 1).
    _unfinished_step: Array | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for name, kinds, dtype in (("costs", "fiu", np.float64), ("steps", "iu", np.int64)):
            object.__setattr__(self, name, _frozen(getattr(self, name), name, kinds, dtype))
        if self.costs.ndim != 1 or self.costs.shape != self.steps.shape:
            raise ValueError(f"each cost needs its step, but shapes are {self.costs.shape} and {self.steps.shape}.")
        if (self.steps < 0).any():
            raise ValueError("steps must not be negative.")
        for name, end in (("n_steps", LARGEST_COUNT), ("n_drawn", LARGEST_COUNT), ("epoch_seed", 1 << 64)):
            value = getattr(self, name)
            if not (_is_count(value, end) or (value is None and name == "epoch_seed")):
                raise ValueError(f"{name} must be a whole number from 0 to {end - 1}, but is {value!r}.")
            object.__setattr__(self, name, None if value is None else int(value))

    def _keep(self, unfinished_step: Array) -> None:
        """Keep the step that further training begins with; for `train` and `load` alone."""
        object.__setattr__(self, "_unfinished_step", _frozen(unfinished_step, "an unfinished step", "f", np.float64))

    def __len__(self) -> int:
        """Return the number of recorded costs."""
        return self.costs.size

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Return the costs, so that NumPy and Matplotlib accept a history as its curve."""
        return np.array(self.costs, dtype=dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        """Return whether everything recorded is equal."""
        if not isinstance(other, History):
            return NotImplemented
        own, others = self._unfinished_step, other._unfinished_step
        return (self.n_steps, self.n_drawn, self.epoch_seed) == (other.n_steps, other.n_drawn, other.epoch_seed) and (
            np.array_equal(self.costs, other.costs, equal_nan=True)
            and np.array_equal(self.steps, other.steps)
            and (own is others if own is None or others is None else np.array_equal(own, others))
        )

    def __hash__(self) -> int:
        """Hash by the counts: equal histories have equal ones."""
        return hash((self.n_steps, self.n_drawn, self.epoch_seed, len(self)))

    def __repr__(self) -> str:
        """Show how long the history is and where it ended."""
        last = f", last cost {self.costs[-1]:.6g}" if len(self) else ""
        return f"History({self.n_steps} steps, {len(self)} records{last})"

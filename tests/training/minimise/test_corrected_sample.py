"""The corrected loss of a sample leads to the minimum over all rows, which it is told of by values and gradients."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config

from fastperceptron.training.minimise.corrected_sample import CorrectedSample, raked_weights
from fastperceptron.training.minimise.objective import NeuronRows, Objective, State

N_ROWS, SIZE = 400 if config.DISABLE_JIT else 4000, 8
PENALTY = np.array([1.0, 1, 1, 1, 0, 0, 0, 0])


def rows(seed: int, separable: bool = False) -> NeuronRows:
    """Return rows of four columns, one of them 1 in few rows, and the bias."""
    rng = np.random.default_rng(seed)
    panel = np.zeros((N_ROWS, SIZE))
    panel[:, :3] = rng.normal(size=(N_ROWS, 3))
    panel[:, 3] = np.arange(N_ROWS) % 100 < 1
    panel[:, 4] = 1
    z = panel[:, :5] @ (2 * rng.normal(size=5))
    targets = z > 0 if separable else z + rng.logistic(size=N_ROWS) > 0
    return NeuronRows(panel, targets.astype(np.float64), np.ones(N_ROWS))


def minimise(
    all_rows: NeuronRows, loss: str = "log_loss", step: int = 8, reads: int = 20
) -> tuple[list[CorrectedSample], State]:
    """Return the search, and the state over all rows where it ended."""
    everything = Objective(all_rows, loss, PENALTY)
    sample = everything.every(step)
    exactness = 1.0 if loss == "squared_error" else 0.0

    def diagonal(point: np.ndarray) -> np.ndarray:
        return Objective(all_rows, loss, PENALTY, is_diagonal=True).at(point, exactness).hessian[0]

    start = np.zeros(SIZE)
    state = everything.at(start, 0.0)
    search = CorrectedSample(sample, exactness, start, state.value, state.gradient, diagonal(start), start)
    for _ in range(reads):
        if search.gap < 1e-9:
            break
        value = search.value
        trial = everything.at(search.trial, 0.0)
        if search.observe(trial.point, trial.value, trial.gradient):
            assert search.value <= value * (1 + 1e-9)
            search.renew(diagonal(search.point), search.point)
        else:
            assert search.value == value
    return search, everything.at(search.point, exactness)


@pytest.mark.compiled
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@given(seed=st.integers(0, 200))
def test_it_ends_at_the_minimum_over_all_rows_and_knows_its_gap(loss: str, seed: int) -> None:
    search, state = minimise(rows(seed), loss)
    assert np.abs(state.gradient).max() <= 1e-2
    hessian = np.triu(state.hessian) + np.triu(state.hessian, 1).T + np.diag(PENALTY)
    step = np.linalg.lstsq(hessian, state.gradient, rcond=None)[0]
    assert float(state.gradient @ step) / 2 <= 3 * search.gap + 1e-9


@pytest.mark.compiled
def test_few_reads_are_enough() -> None:
    n_reads = []
    for seed in range(10):
        counted = 0
        observe = CorrectedSample.observe

        def noted(self: CorrectedSample, *reading: object, observe: object = observe) -> bool:
            nonlocal counted
            counted += 1
            return observe(self, *reading)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CorrectedSample, "observe", noted)
            minimise(rows(seed))
        n_reads.append(counted)
    assert np.median(n_reads) <= 8  # from zero weights to a gap of 1e-9 of some 1000


def test_separable_rows_are_followed_by_bounded_steps() -> None:
    search, state = minimise(rows(3, separable=True), reads=40)
    assert np.abs(state.gradient).max() <= 1e-2  # the penalty holds them
    assert search.value == pytest.approx(state.value)


def test_a_column_that_the_sample_lacks_keeps_its_curvature() -> None:
    everything = rows(0)
    everything.panel[::8, 3] = 0
    sample = Objective(everything, "log_loss", PENALTY).every(8)
    diagonal = Objective(everything, "log_loss", PENALTY, is_diagonal=True).at(np.zeros(SIZE), 0.0).hessian[0]
    weights, unseen = raked_weights(sample, np.zeros(SIZE), 0.0, diagonal, n_rakings=5)
    assert (unseen > 0).tolist() == [False, False, False, True, False, False, False, False]
    assert unseen[3] == diagonal[3]
    now = sample.weighted(weights).at(np.zeros(SIZE), 0.0).hessian.diagonal()
    np.testing.assert_allclose(now[[0, 1, 2, 4]], diagonal[[0, 1, 2, 4]], rtol=0.2 if config.DISABLE_JIT else 0.01)
    search, _ = minimise(everything)
    assert search.gap < 1e-6


def test_a_model_without_a_minimum_is_followed_for_some_steps_only() -> None:
    sample = Objective(rows(0), "log_loss", PENALTY).every(8)
    start, gradient = np.zeros(SIZE), np.zeros(SIZE)
    diagonal = Objective(rows(0), "log_loss", PENALTY, is_diagonal=True).at(start, 0.0).hessian[0]
    gradient[4] = 2.0 * N_ROWS  # steeper than the costs of all rows together
    search = CorrectedSample(sample, 0.0, start, 1e4, gradient, diagonal, start)
    assert np.abs(search.trial).max() <= 10 * np.abs(search.step).max()

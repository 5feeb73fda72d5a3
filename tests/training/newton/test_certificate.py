"""When a point is good enough: its excess loss in the unit of what chance owes, and when nothing can be said."""

import math

import numpy as np
import pytest

from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.minimise.objective import State
from fastperceptron.training.newton.certificate import (
    NEGLIGIBLE_LOSS_PER_ROW,
    Certificate,
    RowTotals,
    certificate_of,
    rough_goal,
)

NOTHING = np.zeros(0)


def state(curvature: float = 100.0, squared_slopes: float = 100.0) -> State:
    return State(NOTHING, 1.0, NOTHING, NOTHING, curvature, squared_slopes, 0.0)


def certificate(loss: str = "log_loss", state: State = state(), **changes: bool) -> Certificate:  # noqa: B008
    options = {"is_plain": True, "is_penalised": True} | changes
    totals = RowTotals(1000.0, 1.0, options["is_plain"])
    return certificate_of(state, loss, 11, totals, 4.0, is_penalised=options["is_penalised"])


def test_the_log_loss_owes_half_its_parameters() -> None:
    assert certificate(state=state(7.0, 99.0)).sampling_error == 11 / 2


@pytest.mark.parametrize(("loss", "is_plain"), [("squared_error", True), ("log_loss", False)])
def test_others_owe_that_times_their_ratio_in_the_sample(loss: str, is_plain: bool) -> None:
    # Weights of the sample's rows are four times those of all: their squares 16 times, per row 4 times.
    found = certificate(loss, state(50.0, 40.0), is_plain=is_plain)
    assert found.sampling_error == pytest.approx(11 / 2 * 40 / 50 / 4)


def test_the_ratio_is_one_where_a_model_is_right() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 100_000)
    slopes = p - (rng.random(p.size) < p)
    weighted = 4.0 * slopes
    found = certificate(state=state(4.0 * (p * (1 - p)).sum(), weighted @ weighted), is_plain=False)
    assert found.sampling_error == pytest.approx(11 / 2, rel=0.02)


def test_distance_and_goal_are_one_measure() -> None:
    found = Certificate(5.0, 1e-10)
    for tol in (1.0, 0.1, 0.01):
        assert found.distance(found.goal(tol)) == pytest.approx(tol)
        assert found.is_reached(found.goal(tol), tol)
        assert not found.is_reached(1.01 * found.goal(tol), tol)
    assert found.goal(1e-9) == 1e-10  # what is negligible is enough for any tolerance
    assert found.distance(0.0) == found.distance(-1e-20) == 0.0
    assert Certificate(0.0, 1e-10).distance(1.0) == 0.0
    assert certificate().negligible == NEGLIGIBLE_LOSS_PER_ROW * 1000


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("n_parameters", [2, 21, 785])
@pytest.mark.parametrize("unit", [1.0, 2.0**-30, 2.0**30])
def test_the_tolerance_decides_however_many_rows_there_are(loss: str, n_parameters: int, unit: float) -> None:
    for n_rows in (10.0**power for power in range(3, 13)):
        # The sums of rows of absurd weights; slopes and curvatures are those of a typical row.
        its = state(n_rows, n_rows * float(LOSSES[loss].TYPICAL_RATIO))
        found = certificate_of(
            its, loss, n_parameters, RowTotals(n_rows * unit, unit, False), 1 / unit, is_penalised=True
        )
        assert found.negligible <= NEGLIGIBLE_LOSS_PER_ROW * n_rows * unit
        if n_parameters > 2 or n_rows < 1e12:
            assert found.goal(0.01) == 0.01**2 * found.sampling_error
        if n_rows <= 1e7:  # all that there was before is as it was
            assert found.negligible == NEGLIGIBLE_LOSS_PER_ROW * (n_rows * unit)


@pytest.mark.parametrize(
    ("loss", "curvature", "is_penalised", "is_known"),
    [
        ("squared_error", 1.374, False, False),
        ("squared_error", 1.376, False, True),
        ("squared_error", 1e-12, True, True),
        ("log_loss", 1e-12, False, True),
    ],
)
def test_where_all_is_saturated_nothing_is_known(
    loss: str, curvature: float, is_penalised: bool, is_known: bool
) -> None:
    found = certificate(loss, state(curvature), is_penalised=is_penalised)
    assert found.is_known == is_known
    assert found.is_reached(0.0, 0.01) == is_known
    assert math.isnan(found.distance(0.0)) != is_known


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_a_rough_goal_is_a_tenth_of_the_samples_own_error(loss: str) -> None:
    assert rough_goal(loss, 11, 40.0) == pytest.approx(0.1 * 40 * 11 / 2 * (1.0 if loss == "log_loss" else 0.2))

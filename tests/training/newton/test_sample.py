"""The sample: which rows are in it, what they count, and the coordinates that it gives."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.training.coordinates import coordinates_of
from fastperceptron.training.minimise.inverse_hessian import inverse_diagonal, inverse_hessian, with_unseen_columns
from fastperceptron.training.newton.sample import LEAST_SHARE, choose_rows, draw_sample
from fastperceptron.training.problem import Problem


def problem(codes: np.ndarray, weights: np.ndarray | None = None, n_classes: int = 2, **more: np.ndarray) -> Problem:
    X = np.random.default_rng(0).normal(3, 2, size=(len(codes), 3)).astype(np.float32)
    codes = read_only(np.asarray(codes, np.uint8))
    return Problem(ArrayRows(X), codes, n_classes, None if weights is None else read_only(weights), **more)


@given(
    n_rows=st.integers(2, 3000),
    share=st.floats(0.01, 1.0),
    rare=st.integers(1, 40),
    n_classes=st.one_of(st.integers(2, 4), st.integers(5, 60)),
    is_weighted=st.booleans(),
)
def test_every_class_is_there_and_no_row_without_weight(
    n_rows: int, share: float, rare: int, n_classes: int, is_weighted: bool
) -> None:
    rng = np.random.default_rng(n_rows)
    codes = np.where(np.arange(n_rows) < rare, rng.integers(1, n_classes, n_rows), 0)
    weights = rng.choice([0.0, 1.0, 2.5], n_rows) if is_weighted else None
    if weights is not None:
        weights[-1] = 1.0  # rows without any weight are refused before
    size = max(1, int(share * n_rows))
    places, _ = choose_rows(problem(codes, weights, n_classes), size)
    assert (np.diff(places) > 0).all()
    assert places[0] >= 0
    assert places[-1] < n_rows
    present = np.arange(n_rows) if weights is None else np.flatnonzero(weights)
    assert np.isin(places, present).all()
    least = max(1, int(LEAST_SHARE * size / n_classes))
    for code in range(n_classes):
        members, drawn = np.sum(codes[present] == code), np.sum(codes[places] == code)
        assert drawn >= min(members, least)
    assert places.size <= size + n_classes * 2 * least
    assert (places == choose_rows(problem(codes, weights, n_classes), size)[0]).all()


def test_rows_are_spread_evenly_but_blind_to_a_period() -> None:
    places, _ = choose_rows(problem(np.arange(100_000) % 2), 1000)
    assert places.size == 1000
    assert (np.bincount(places // 100, minlength=1000) == 1).all()
    for period in (2, 7, 100):
        counts = np.bincount(places % period, minlength=period)
        assert counts.max() <= 1000 / period + 5 * np.sqrt(1000 / period) + 2


@pytest.mark.parametrize("is_weighted", [False, True])
def test_sampled_rows_stand_for_all(is_weighted: bool) -> None:
    rng = np.random.default_rng(1)
    codes = (rng.random(20_000) < 0.002).astype(int)
    weights = rng.choice([0.0, 1.0, 3.0], codes.size) if is_weighted else None
    own = np.ones(codes.size) if weights is None else weights
    sample = draw_sample(problem(codes, weights), 2000, has_intercept=True)
    assert not sample.is_all
    assert sample.n_rows == sample.panel.shape[0] == sample.weights.size
    for code in (0, 1):
        total, of_sample = own[codes == code].sum(), sample.weights[sample.codes == code].sum()
        # Exactly, where rows weigh the same.
        assert of_sample == pytest.approx(total, rel=0.1 if is_weighted else 1e-12)


def test_class_weights_are_in_the_loss_but_not_in_the_standards() -> None:
    codes, factors = np.arange(500) % 2, read_only(np.array([0.1, 50.0]))
    plain = draw_sample(problem(codes), 500, has_intercept=True)
    weighted = draw_sample(problem(codes, class_weights=factors), 500, has_intercept=True)
    assert plain.is_all
    np.testing.assert_array_equal(weighted.weights, factors[codes])
    assert weighted.coordinates.deviations.tobytes() == plain.coordinates.deviations.tobytes()
    assert weighted.panel.tobytes() == plain.panel.tobytes()


@pytest.mark.parametrize("has_intercept", [True, False])
def test_a_point_goes_to_standard_coordinates_and_back(has_intercept: bool) -> None:
    rows = np.random.default_rng(0).normal(1e3, [1, 1e-3, 1e4], size=(50, 3))
    coordinates = coordinates_of(rows, np.ones(50), has_intercept)
    np.testing.assert_allclose(coordinates.deviations, rows.std(axis=0), rtol=1e-8)
    point = coordinates.to_standard(np.array([1.0, -2.0, 0.5, 7.0]))
    weights, bias = coordinates.to_raw(np.array([point]))
    np.testing.assert_allclose(weights[0], [1, -2, 0.5], rtol=1e-14)
    assert bias[0] == pytest.approx(7.0, rel=1e-11)
    if not has_intercept:
        assert (coordinates.centre == 0).all()
    z = ((rows - coordinates.centre[:3]) / coordinates.scale[:3]) @ point[:3] + point[3]
    np.testing.assert_allclose(z, rows @ [1, -2, 0.5] + 7, rtol=1e-10)


def test_the_centre_is_exact_in_the_precision_of_the_rows() -> None:
    rows = np.random.default_rng(0).normal(1e3, 1, size=(50, 3)).astype(np.float32)
    centre = coordinates_of(rows, np.ones(50), True).centre
    assert (centre.astype(np.float32) == centre).all()


@pytest.mark.parametrize("has_intercept", [True, False])
def test_a_constant_column_is_zero_beside_an_intercept(has_intercept: bool) -> None:
    X = np.column_stack([np.full(40, 0.1), np.arange(40.0)])
    sample = draw_sample(Problem(ArrayRows(X), read_only((np.arange(40) % 2).astype(np.uint8)), 2), 40, has_intercept)
    assert (sample.panel[:, 0] == (0 if has_intercept else 0.1)).all()
    assert (sample.panel[:, 2] == has_intercept).all()


def test_a_column_that_the_sample_lacks_has_its_exact_curvature() -> None:
    sampled = np.array([[4.0, 1.0, 0.0], [1.0, 9.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(
        with_unseen_columns(sampled, np.array([16.0, 9.0, 2.0])), [[4, 1, 0], [1, 9, 0], [0, 0, 2]]
    )
    assert with_unseen_columns(sampled, np.array([16.0, 9.0, 0.0])) is sampled


def test_inverses_leave_alone_what_they_know_nothing_of() -> None:
    hessian, penalty = np.diag([4.0, 2.0, 0, 0, 0, 0, 0, 0]), np.array([0.0, 2.0, 1.0, 0, 0, 0, 0, 0])
    vector = np.arange(1.0, 9.0)
    expected = [0.25, 0.5, 0, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(inverse_hessian(hessian, penalty)(vector), expected)
    np.testing.assert_allclose(inverse_diagonal(hessian.diagonal(), penalty)(vector), expected)
    bent = np.diag([4.0, -2.0, 0, 0, 0, 0, 0, 0])  # a curvature of the wrong sign is raised: still downhill
    assert inverse_hessian(bent, 0 * penalty)(vector) @ vector > 0


def test_a_rough_logit_is_within_a_factor_of_two() -> None:
    for ones in (1, 3, 50, 97, 99):
        sample = draw_sample(problem(np.arange(100) < ones), 100, has_intercept=True)
        exact = math.log(ones / (100 - ones))
        assert abs(sample.rough_logit(1) - exact) <= math.log(2) + 1e-12
        assert abs(sample.rough_logit(0) + exact) <= math.log(2) + 1e-12
    assert draw_sample(problem(np.ones(5)), 5, has_intercept=True).rough_logit(1) == 0.0

"""Synthetic rows: the same for any way of asking, distributed as promised, learnt back by a fit."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

import fastperceptron as fp
from fastperceptron.data.generated import GeneratedCodes
from fastperceptron.data.synthetic import FLOWERS, SyntheticDataset

KINDS = {
    "plain": {},
    "correlated": {"correlation": 0.5, "scale_spread": 4.0},
    "certain": {"noise": 0},
    "four classes": {"n_classes": 4},
    "four certain classes": {"n_classes": 4, "noise": 0},
}


def any_kind(name: str, n_rows: int, n_features: int) -> SyntheticDataset:
    return fp.two_flowers(n_rows, 5) if name == "flowers" else fp.synthetic(n_rows, n_features, rng=5, **KINDS[name])


@given(st.sampled_from([*KINDS, "flowers"]), st.integers(2, 300), st.integers(1, 70), st.data())
def test_rows_are_the_same_for_any_chunking(name: str, n_rows: int, n_features: int, data: st.DataObject) -> None:
    made = any_kind(name, n_rows, n_features)
    X, y = made.arrays()
    assert X.shape == (n_rows, made.n_features)
    with made.open_table() as table:
        rows, codes = table.rows, table.codes
        start = data.draw(st.integers(0, n_rows))
        stop = data.draw(st.integers(start, n_rows))
        assert rows.read(start, stop).tobytes() == X[start:stop].tobytes()
        assert (made.classes[codes[start:stop]] == y[start:stop]).all()
        places = np.array(data.draw(st.lists(st.integers(0, n_rows - 1), min_size=1, max_size=20)))
        assert rows.rows_at(places).tobytes() == X[places].tobytes()
        assert (made.classes[codes[places]] == y[places]).all()
        taken, taken_codes, order = rows.take(places, codes)
        assert taken[order].tobytes() == X[places].tobytes()
        assert (made.classes[taken_codes[order]] == y[places]).all()
        assert table.counts.tolist() == [np.sum(y == label) for label in made.classes]
        assert b"".join(block.tobytes() for _, block in rows.blocks()) == X.tobytes()


def test_the_first_rows_do_not_depend_on_how_many_there_are() -> None:
    few, many = fp.synthetic(50, 3, rng=1), fp.synthetic(10**12, 3, rng=1)
    with many.open_table() as table:
        assert table.rows.read(0, 50).tobytes() == few.arrays()[0].tobytes()
        last = table.rows.read(10**12 - 2, 10**12)
    assert np.isfinite(last).all()
    assert last.std() > 0


def test_seeds_make_other_rows_and_generators_go_on() -> None:
    generator = np.random.default_rng(0)
    seeds = [fp.synthetic(20, 2, rng=rng).arrays()[0].tobytes() for rng in (0, 0, 1, generator, generator)]
    assert seeds[0] == seeds[1] == seeds[3]
    assert len(set(seeds)) == 3


@pytest.mark.compiled  # many rows
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_columns_are_normal_with_the_scales_and_correlations_asked_for(correlation: float) -> None:
    n = 200_000
    X, _ = fp.synthetic(n, 4, correlation=correlation, scale_spread=6, rng=2).arrays()
    scales = 10.0 ** np.linspace(-3, 3, 4)
    Z = X / scales
    for column in Z.T:
        assert stats.kstest(column, "norm").pvalue > 1e-3
    expected = np.where(np.eye(4, dtype=bool), 1.0, correlation)
    np.testing.assert_allclose(np.corrcoef(Z.T), expected, atol=5 / math.sqrt(n))
    for lag in (1, 2, 16, 64):  # rows know nothing of each other
        crossed = Z[:-lag].T @ Z[lag:] / (n - lag)
        np.testing.assert_allclose(crossed, 0, atol=6 / math.sqrt(n))


@pytest.mark.compiled  # many rows
@pytest.mark.parametrize("noise", [0, 0.5, 2.0])
@pytest.mark.parametrize("balance", [0.5, 0.1])
def test_labels_have_the_balance_and_the_noise_asked_for(noise: float, balance: float) -> None:
    data = fp.synthetic(200_000, 6, informative=3, noise=noise, class_balance=balance, rng=3)
    X, y = data.arrays()
    assert (data.true_weights[3:] == 0).all()
    assert y.mean() == pytest.approx(balance, abs=5 * math.sqrt(balance * (1 - balance) / len(y)))
    z = X @ data.true_weights + data.true_bias
    if noise == 0:
        assert (y == (z > 0)).all()
        return
    assert z.std() == pytest.approx(2 / noise, rel=0.02)
    p = 1 / (1 + np.exp(-z))
    for low in np.arange(0, 1, 0.1):
        inside = (p >= low) & (p < low + 0.1)
        error = math.sqrt(0.25 / max(inside.sum(), 1))
        if inside.any():
            assert y[inside].mean() == pytest.approx(p[inside].mean(), abs=5 * error)


@pytest.mark.compiled  # many rows
def test_four_classes_follow_the_softmax_of_the_true_weights() -> None:
    data = fp.synthetic(200_000, 3, n_classes=4, rng=4)
    X, y = data.arrays()
    z = X @ data.true_weights.T + data.true_bias
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    for k in range(4):
        likely = p[:, k] > 0.5
        assert np.mean(y[likely] == k) == pytest.approx(p[likely, k].mean(), abs=0.01)
    certain = fp.synthetic(1000, 3, n_classes=4, noise=0, rng=4)
    X, y = certain.arrays()
    assert (y == (X @ certain.true_weights.T).argmax(axis=1)).all()


@pytest.mark.compiled  # many rows
def test_a_fit_finds_the_true_weights_and_the_same_bits_as_from_arrays() -> None:
    data = fp.synthetic(300_000, 5, scale_spread=2, class_balance=0.3, rng=6)
    made = fp.PerceptronClassifier(loss="log_loss", C=math.inf).fit(data)
    stored = fp.PerceptronClassifier(loss="log_loss", C=math.inf).fit(*data.arrays())
    assert made.coef_.tobytes() == stored.coef_.tobytes()
    assert made.n_iter_ == stored.n_iter_
    scales = 10.0 ** np.linspace(-1, 1, 5)
    np.testing.assert_allclose(made.coef_[0] * scales, data.true_weights * scales, atol=0.03)
    assert made.intercept_[0] == pytest.approx(data.true_bias, rel=0.05)
    assert made.score(data) == stored.score(*data.arrays())
    assert (made.predict(data) == stored.predict(data.arrays()[0])).all()


def test_the_flowers_are_the_tutorials() -> None:
    flowers = fp.load_flowers()
    for name, (length, width, *factor) in FLOWERS.items():
        clouds = flowers.X[flowers.y == name][:, :2]
        triangle = np.array([[factor[0], 0], factor[1:]])
        np.testing.assert_allclose(clouds.mean(axis=0), [length, width], atol=1e-5)
        np.testing.assert_allclose(np.cov(clouds.T), triangle @ triangle.T, atol=1e-5)


@pytest.mark.compiled  # many rows
def test_made_flowers_are_like_the_tutorials() -> None:
    made = fp.two_flowers(100_000, rng=0)
    X, y = made.arrays()
    for name, (length, width, *factor) in FLOWERS.items():
        cloud, triangle = X[y == name], np.array([[factor[0], 0], factor[1:]])
        assert len(cloud) == pytest.approx(50_000, abs=800)
        np.testing.assert_allclose(cloud.mean(axis=0), [length, width], atol=0.02)
        np.testing.assert_allclose(np.cov(cloud.T), triangle @ triangle.T, atol=0.01)
    assert fp.PerceptronClassifier().fit(made).score(made) > 0.98


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("loss", "C", "n_rows", "least"),
    [
        ("log_loss", 1.0, 100_000, 0.0140850),
        ("squared_error", math.inf, 100_000, 0.0032066),
        ("squared_error", math.inf, 30_000, 0.0033521),  # whose sample separates the classes
    ],
)
def test_classes_that_hardly_overlap_take_a_handful_of_reads(loss: str, C: float, n_rows: int, least: float) -> None:
    # Few sampled rows have a curvature: their losses differ, and the squared error has saturated over them.
    classifier = fp.PerceptronClassifier(loss=loss, C=C).fit(fp.two_flowers(n_rows, rng=0))
    assert classifier.n_iter_ <= 10
    assert classifier.loss_curve_[-1] == pytest.approx(least, abs=1e-7)
    assert 0 <= classifier.optimality_gap_ < 1e-7


def test_codes_are_read_like_an_array() -> None:
    data = fp.synthetic(100_000, 1, rng=0)
    with data.open_table() as table:
        assert isinstance(table.codes, GeneratedCodes)
        assert len(table.codes) == 100_000
        assert table.codes[70_000:70_000].size == 0
        assert table.codes[60_000:70_000].shape == (10_000,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_rows": 1}, "n_rows must be at least 2"),
        ({"informative": 9}, "informative must be at most n_features = 3, but is 9"),
        ({"correlation": 1.0}, "correlation must be below 1"),
        ({"class_balance": 0}, "class_balance must be a finite number above 0"),
        ({"class_balance": 0.2, "n_classes": 3}, "class_balance is for two classes"),
        ({"n_classes": 257}, "n_classes must be at most 256"),
        ({"noise": -1.0}, "noise must be a finite number above 0"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fp.synthetic(**{"n_rows": 10, "n_features": 3, **arguments})


def test_what_is_made_is_shown() -> None:
    assert repr(fp.synthetic(100, 3, rng=0)) == "SyntheticDataset(100 rows of 3 features)"


def test_labels_and_weights_belong_in_the_data_set() -> None:
    data = fp.synthetic(100, 3, rng=0)
    for arguments in ({"y": np.zeros(100)}, {"sample_weight": np.ones(100)}):
        with pytest.raises(ValueError, match="must be None beside a Dataset"):
            fp.PerceptronClassifier().fit(data, **arguments)


def test_memory_is_used_again_but_never_while_rows_are_held() -> None:
    rows = fp.synthetic(40_000, 5, scale_spread=1, rng=0).rows
    places = [range(k, k + 1000) for k in range(0, 40_000, 1000)]
    expected = [rows.labelled(None, each.start, each.stop)[0].tobytes() for each in places]
    held = [rows.labelled(None, each.start, each.stop)[0] for each in places]
    assert [each.tobytes() for each in held] == expected
    assert [each[::2].tobytes() for each in held] == [rows.rows_at(each)[::2].tobytes() for each in places]
    again = pickle.loads(pickle.dumps(rows))
    assert [again.rows_at(each).tobytes() for each in places] == expected

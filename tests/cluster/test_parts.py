"""A fit of rows in parts has the bytes of the fit of all rows, however they are cut and bundled."""

from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from scipy import sparse

import fastperceptron as fp
from cluster.conftest import PartedArrays, table
from fastperceptron.cluster.bundling import pieces_of, plans_of
from fastperceptron.cluster.engine import SerialEngine
from fastperceptron.cluster.parted_dataset import parted_table
from fastperceptron.kernels import sparse_objective
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.training.newton import sample_size
from fastperceptron.training.parted_rows import PartedRows
from tables import bits

LOSSES = ["log_loss", "squared_error"]
N_FEATURES = 300
RUN = rows_per_run(N_FEATURES)


def fit(*data: Any, checkpoint: Any = None, sample_weight: Any = None, **options: Any) -> bytes:
    fitted = fp.PerceptronClassifier(n_jobs=1, **options).fit(*data, sample_weight=sample_weight, checkpoint=checkpoint)
    return bits(fitted) + fitted.classes_.tobytes() + repr((fitted.n_iter_, fitted.optimality_gap_)).encode()


@given(lengths=st.lists(st.integers(0, 3 * RUN) | st.just(RUN) | st.just(2 * RUN), min_size=1, max_size=12))
def test_each_run_of_tiles_belongs_to_one_partition_which_gets_all_its_rows(lengths: list[int]) -> None:
    plans, ends = plans_of(lengths, RUN), [*accumulate(lengths)]
    starts = [0, *ends[:-1]]
    kept = [plan for plan in plans if plan is not None]
    assert [(plan.first, plan.stop) for plan in kept] == [*pairwise([0, *(plan.stop for plan in kept)])]
    assert sum(lengths) == (kept[-1].stop if kept else 0)
    for plan, pieces in zip(plans, pieces_of(plans, lengths), strict=True):
        if plan is None:
            assert not pieces
            continue
        assert plan.first % RUN == 0
        assert plan.body % RUN == 0 or plan.body == ends[-1]
        own = [*range(plan.first, min(plan.stop, plan.end))]
        others = [starts[piece.number] + k for piece in pieces for k in range(piece.start, piece.stop)]
        assert own + others == [*range(plan.first, plan.stop)]


@pytest.mark.compiled
@settings(max_examples=15)
@given(
    cuts=st.lists(st.integers(0, 5 * RUN) | st.sampled_from([RUN, 2 * RUN, 5 * RUN, 5 * RUN + 1]), max_size=9),
    n_groups=st.integers(1, 4),
    n_shelves=st.integers(0, 4),
)
@example(cuts=[RUN + 5, 3 * RUN + 9], n_groups=2, n_shelves=0)
@example(cuts=[RUN + 5, 3 * RUN + 9], n_groups=1, n_shelves=2)
def test_any_cut_and_any_bundling_give_the_bytes_of_the_arrays(cuts: list[int], n_groups: int, n_shelves: int) -> None:
    X, y = table(5 * RUN + 17, N_FEATURES)
    assert fit(PartedArrays(X, y, None, cuts, n_groups, n_shelves)) == fit(X, y)


@pytest.mark.compiled
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weights", ["none", "row weights", "balanced", "both", "one value"])
@pytest.mark.parametrize(
    "dtype", [np.float32, *(pytest.param(each, marks=pytest.mark.slow) for each in (np.float64, np.int16))]
)
def test_losses_classes_and_weights(
    loss: str, n_classes: int, weights: str, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_size, "SMALL_WORK", 0)
    X, y = table(150_001, 9, n_classes, dtype)
    rng, own = np.random.default_rng(1), None
    if weights in ("row weights", "both"):
        own = rng.exponential(size=len(y)) * (rng.random(len(y)) > 0.1) * 1e9
    if weights == "one value":
        own = np.full(len(y), 3.0)
    options = {"loss": loss, "class_weight": "balanced" if weights in ("balanced", "both") else None}
    expected = fit(X, y, sample_weight=own, **options)
    for cuts, n_groups in (((), 1), ((7, 7, 70_000), 2), (rng.integers(0, len(y), 30).tolist(), 3)):
        assert fit(PartedArrays(X, y, own, cuts, n_groups), **options) == expected


def sparse_table(n_features: int, n_classes: int) -> tuple[Any, np.ndarray]:
    """Return 30,011 sparse rows of 20 values in the mean, without any in some, and classes that overlap."""
    rng = np.random.default_rng(n_features)
    X = sparse.random_array((30_011, n_features), density=20 / n_features, rng=rng, format="csr")
    z = X @ rng.normal(size=(n_features, n_classes)) * 2
    return X, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


@pytest.mark.compiled
@pytest.mark.parametrize("n_features", [30, 20_000])  # a sample of dense rows, and none
@pytest.mark.parametrize(("n_classes", "is_weighted"), [(2, False), (2, True), (3, True)])
def test_sparse_rows(n_features: int, n_classes: int, is_weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_objective, "FEWEST", 1)  # more than one tile
    X, y = sparse_table(n_features, n_classes)
    own = np.random.default_rng(1).exponential(size=len(y)) * 1e9 if is_weighted else None
    options = {"class_weight": "balanced" if is_weighted else None}
    expected = fit(X, y, sample_weight=own, **options)
    for cuts, n_groups in (((), 1), ((7, 7, 9000, 20_000), 2), (np.arange(1000, 30_000, 1777).tolist(), 3)):
        assert fit(PartedArrays(X, y, own, cuts, n_groups), **options) == expected


@pytest.mark.compiled
def test_sparse_rows_out_of_range_and_not_finite() -> None:
    X, y = sparse_table(300, 2)
    far = X @ sparse.diags_array(np.where(np.arange(300) % 2, 1e200, 1e-200))
    assert fit(PartedArrays(far, y, None, (1000, 20_000), 2)) == fit(far, y)
    X.data[X.indptr[20_001] - 1] = np.nan
    for data in ((PartedArrays(X, y, None, (9, 20_000, 25_000), 2),), (X, y)):
        with pytest.raises(ValueError, match="X holds NaN in row 20000, column"):
            fit(*data)


@pytest.mark.compiled
def test_kinds_of_labels_and_partitions_of_one_class() -> None:
    X, y = table(40_001, 20, 3)
    y = np.sort(y)
    for labels in (y, y - 1.0, np.array(["b", "a", "cc"])[y], np.array(["b", "a", "cc"], object)[y], (y > 0)):
        assert fit(PartedArrays(X, labels, None, (10, 15_000, 30_000), 2)) == fit(X, labels)


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:the classes are separated", "ignore:solver='newton' stopped")
@pytest.mark.parametrize(
    "options",
    [
        {"loss": "log_loss", "C": np.inf, "tol": 1e-5},
        {"loss": "squared_error", "C": np.inf, "tol": 1e-5},
        {"fit_intercept": False},
        {"standardize": False},
        {"loss": "log_loss", "n_classes": 3, "C": np.inf, "tol": 1e-5},
    ],
)
def test_ways_that_ask_more_of_the_rows(options: dict[str, Any]) -> None:
    """Rare levels: the sample does not represent all rows, so that another is drawn, or a Hessian of all rows taken."""
    rng = np.random.default_rng(3)
    X, _ = table(60_000, 30)
    X[:, 10:] = rng.random((len(X), 20)) < 10.0 ** -rng.uniform(1, 4, 20)
    options = dict(options)
    z = X[:, 10:] @ rng.normal(size=(20, options.pop("n_classes", 2))) * 3
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    cuts = rng.integers(0, len(X), 7).tolist()
    assert fit(PartedArrays(X, y, None, cuts, 2), **options) == fit(X, y, **options)


@pytest.mark.compiled
def test_columns_out_of_range_and_rows_that_are_not_finite() -> None:
    X, y = table(30_000, 4)
    far = X.astype(np.float64) * [1e200, 1, 1e-200, 1]
    assert fit(PartedArrays(far, y, None, (1000, 20_000), 2)) == fit(far, y)
    X[23_456, 2] = np.nan
    X[29_000, 1] = np.inf
    for data in ((PartedArrays(X, y, None, (9, 20_000, 25_000), 2),), (X, y)):
        with pytest.raises(ValueError, match="X holds NaN in row 23456, column 2"):
            fit(*data)


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ["dense", "sparse", "columns out of range"])
def test_a_checkpoint_goes_on_with_other_partitions_and_without_any(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastperceptron.training.checkpoint import Checkpoint

    X: Any
    X, y = sparse_table(300, 2) if kind == "sparse" else table(150_001, 20)
    X = X.astype(np.float64) * 1e200 if kind == "columns out of range" else X
    kinds = [
        (PartedArrays(X, y, None, (), 1),),
        (PartedArrays(X, y, None, (20_000, 20_001), 2),),
        (X, y),
    ]
    expected, note = fit(X, y, tol=1e-5), Checkpoint.note
    for n_notes in (1, 2):
        for begun in kinds:
            for ended in kinds:
                path, seen = tmp_path / "fit.ckpt", [0]

                def stopping(self: Checkpoint, *arguments: Any, seen: list[int] = seen, **named: Any) -> None:
                    note(self, *arguments, **named)
                    seen[0] += 1
                    if seen[0] == n_notes:  # noqa: B023  # used within this turn only
                        raise KeyboardInterrupt

                with monkeypatch.context() as patch:
                    patch.setattr(Checkpoint, "note", stopping)
                    with pytest.raises(KeyboardInterrupt):
                        fit(*begun, tol=1e-5, checkpoint=path)
                assert fit(*ended, tol=1e-5, checkpoint=path) == expected
                changed = X.copy()
                (changed.data if kind == "sparse" else changed.reshape(-1))[-17] *= 2
                with pytest.raises(ValueError, match="the data differ"):
                    fit(PartedArrays(changed, y, None, (17_000,), 2), tol=1e-5, checkpoint=path)
                path.unlink()


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:.*the classes are separated", "ignore:.*the data do not", "ignore:solver='newton'")
@pytest.mark.parametrize(
    ("rows", "covariance"),
    [
        *((rows, "classical") for rows in ("dense", "sparse", "separated", "out of range", "collinear")),
        *(("weighted", covariance) for covariance in ("classical", "HC1", "cluster")),
    ],
)
@pytest.mark.parametrize(("n_classes", "multi_class"), [(2, "auto"), (3, "softmax"), (3, "one_vs_rest")])
def test_inference_asks_the_parts_for_sums(
    rows: str, covariance: str, n_classes: int, multi_class: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = sparse_table(30, n_classes) if rows == "sparse" else table(30_011, 9, n_classes, np.float64)
    own = np.random.default_rng(1).poisson(1.0, len(y)).astype(float) if rows == "weighted" else None
    if rows == "separated":
        X[:, 3] = (y == 1) & (X[:, 0] > 0)
    if rows == "collinear":
        X[:, 3] = X[:, 4] - X[:, 5]
    X = X * 1e200 if rows == "out of range" and multi_class != "softmax" else X
    options = {"loss": "log_loss", "C": np.inf, "multi_class": multi_class, "tol": 1e-3}
    fitted = fp.PerceptronClassifier(**options).fit(X, y, own)
    asked = {"covariance": covariance, "groups": np.arange(len(y)) // 50 if covariance == "cluster" else None}
    expected = fp.inference(fitted, X, y, own, **asked)
    taken, pulled = PartedRows.taken, [0]

    def counting(self: PartedRows, places: Any) -> Any:
        pulled[0] = max(pulled[0], len(places))
        return taken(self, places)

    monkeypatch.setattr(PartedRows, "taken", counting)
    for cuts, n_groups in (((), 1), (np.arange(1000, 30_000, 1777).tolist(), 3)):
        found = fp.inference(fitted, PartedArrays(X, y, own, cuts, n_groups), **asked)
        assert repr(found) == repr(expected)
        for one, other in zip(_each(found), _each(expected), strict=True):
            arrays = {name: each for name, each in vars(other).items() if isinstance(each, np.ndarray)}
            assert [getattr(one, name).tobytes() for name in arrays] == [each.tobytes() for each in arrays.values()]
    assert pulled[0] <= 4096


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:class .* standard errors from the optimum")
def test_influence_and_inference_of_rows_without_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(30_011, 4, 3)
    own = np.random.default_rng(1).poisson(1.0, len(y)).astype(float)
    fitted = fp.PerceptronClassifier(loss="log_loss", multi_class="one_vs_rest", class_weight="balanced").fit(X, y, own)
    data = PartedArrays(X, y, own, (7, 9000, 20_000), 2)
    expected = fp.inference(fitted, X, y, own)[2].influence(X, y, own)
    assert [each.tobytes() for each in fp.inference(fitted, data)[2].influence(data)] == [
        each.tobytes() for each in expected
    ]
    X, y, own = X[y > 0], y[y > 0], own[y > 0]
    monkeypatch.setattr(PartedRows, "labelled", None)  # rows are not read here
    found = fp.inference(fitted, PartedArrays(X, y, own, (7, 9000), 2))[2]
    expected = fp.inference(fitted, X, y, own)[2]
    assert found.standard_error.tobytes() == expected.standard_error.tobytes()
    assert found.log_likelihood == expected.log_likelihood  # by its labels, too


def _each(found: Any) -> list[Any]:
    return [*found.values()] if hasattr(found, "values") else [found]


def test_partitions_that_differ_are_named() -> None:
    X, y = table(60, 4)
    mixed = [(X[:20], y[:20], None, 0), (X[20:].astype(np.float64), y[20:], None, 1)]
    with pytest.raises(ValueError, match=r"partition 0 and partition 1 differ in the type of the values: float32 and"):
        _open(mixed)
    with pytest.raises(ValueError, match=r"partition 0 and partition 2 differ in the number of features: 4 and 3"):
        _open([(X[:20], y[:20], None, 0), (X[:0], y[:0], None, 1), (X[20:, :3], y[20:], None, 2)])
    with pytest.raises(ValueError, match=r"partition 0 and partition 1 differ in whether their rows are sparse"):
        _open([(X[:20], y[:20], None, 0), (sparse.csr_array(X[20:]), y[20:], None, 1)])
    with pytest.raises(ValueError, match=r"partition 0 and partition 1 differ in whether there are weights"):
        _open([(X[:20], y[:20], np.ones(20), 0), (X[20:], y[20:], None, 1)])
    with pytest.raises(ValueError, match=r"partition 1 has 40 rows, but 39 labels"):
        _open([(X[:20], y[:20], None, 0), (X[20:], y[21:], None, 1)])
    with pytest.raises(TypeError, match="mixes"):
        _open([(X[:20], y[:20], None, 0), (X[20:], y[20:].astype(str), None, 1)])
    with pytest.raises(ValueError, match="no rows"):
        _open([(X[:0], y[:0], None, 0)])


def _open(tasks: list[Any]) -> Any:
    return parted_table(SerialEngine(), tasks, [f"partition {k}" for k in range(len(tasks))])

"""Arrays and frames of Dask: the bytes of the fit on NumPy arrays, with a cluster and without one, and lazy answers."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import fastperceptron as fp
from cluster.conftest import table
from fastperceptron.data import spool
from tables import bits

pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
from dask import delayed  # noqa: E402  # skipped where Dask is missing

N_ROWS = 20_011
pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore:Sending large graph", "ignore:.*socket", "ignore::ResourceWarning"),
]


def unknown(array: Any, chunk: int) -> Any:
    """Return an array of Dask whose chunks' lengths are not known."""
    blocks = [delayed(array[k : k + chunk]) for k in range(0, len(array), chunk)]
    shape = (np.nan, *array.shape[1:])
    return da.concatenate([da.from_delayed(each, shape, array.dtype) for each in blocks], allow_unknown_chunksizes=True)


def collections(X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, tuple[Any, ...]]:
    """Return the same rows as collections of several kinds and cuts."""
    own = np.ones(len(y)) if weights is None else weights
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(X.shape[1])])
    whole = dd.from_pandas(frame.assign(y=y, w=own), npartitions=5)

    def cut(*chunks: Any) -> tuple[Any, ...]:
        rows, of_labels, of_weights = chunks
        parts = ((X, rows), (y, of_labels), (own, of_weights))
        return tuple(da.from_array(array, chunks=chunk) for array, chunk in parts)

    uneven = (0, 17, 0, N_ROWS - 18, 1)
    kinds = {
        "one chunk": cut(-1, -1, -1),
        "chunks, columns cut, too": cut((3001, 2), 3001, 3001),
        "cut differently": cut((7000, -1), 3000, 999),
        "with empty ones": cut((uneven, -1), (uneven,), (uneven,)),
        "lengths unknown": tuple(unknown(a, 6000) for a in (X, y, own)),
        "labels in memory": (da.from_array(X, chunks=(4000, -1)), y, own),
        "a frame": (whole[list(frame.columns)], whole.y, whole.w),
        "a frame and arrays": (whole[list(frame.columns)], whole.y.to_dask_array(), whole.w.to_dask_array()),
    }
    return {name: kind[:2] if weights is None else kind for name, kind in kinds.items()}


@pytest.mark.parametrize("has_client", [False, True])
@pytest.mark.parametrize(("n_classes", "is_weighted"), [(2, False), (3, True)])
def test_a_fit_has_the_bytes_of_the_arrays(
    has_client: bool, n_classes: int, is_weighted: bool, request: pytest.FixtureRequest
) -> None:
    X, y = table(N_ROWS, 5, n_classes)
    weights = np.random.default_rng(1).exponential(size=len(y)) if is_weighted else None
    options = {"loss": "log_loss", "class_weight": "balanced" if is_weighted else None}
    expected = fp.PerceptronClassifier(**options).fit(X, y, weights)
    if has_client:
        request.getfixturevalue("client")
    for name, kind in collections(X, y, weights).items():
        fitted = fp.PerceptronClassifier(**options).fit(*kind)
        assert bits(fitted) == bits(expected), name
        assert fitted.classes_.tolist() == expected.classes_.tolist()
        assert type(fitted.coef_) is np.ndarray
        if "frame" in name:
            assert fitted.feature_names_in_.tolist() == [f"c{k}" for k in range(5)]


@pytest.mark.parametrize("has_client", [False, True])
def test_sparse_blocks(has_client: bool, request: pytest.FixtureRequest) -> None:
    X, y = table(N_ROWS, 40)
    X[np.random.default_rng(0).random(X.shape) > 0.1] = 0
    whole, own = sparse.csr_array(X), np.random.default_rng(1).exponential(size=len(y))
    expected = fp.PerceptronClassifier(loss="log_loss").fit(whole, y, own)
    if has_client:
        request.getfixturevalue("client")
    for chunks in (-1, (6000, 0, 14_000, 11)):
        dense, labels, weights = (
            da.from_array(each, chunks=(chunks,) + (-1,) * (each.ndim - 1)) for each in (X, y, own)
        )
        for kind in (sparse.csr_array, sparse.csr_matrix, sparse.coo_array):
            blocks = dense.map_blocks(kind, meta=kind((0, 40), dtype=X.dtype))
            fitted = fp.PerceptronClassifier(loss="log_loss").fit(blocks, labels, weights)
            assert bits(fitted) == bits(expected), (chunks, kind)
        assert fitted.predict(blocks).compute().tolist() == expected.predict(whole).tolist()
        np.testing.assert_allclose(fitted.score(blocks, labels, weights), expected.score(whole, y, own), rtol=1e-12)


@pytest.mark.parametrize("has_client", [False, True])
def test_labels_of_every_kind(has_client: bool, request: pytest.FixtureRequest) -> None:
    X, codes = table(5000, 3)
    expected = fp.PerceptronClassifier().fit(X, codes)
    if has_client:
        request.getfixturevalue("client")
    for labels in (codes == 1, codes - 1.0, np.array(["no", "yes"])[codes], np.array(["a", "b"], object)[codes]):
        fitted = fp.PerceptronClassifier().fit(da.from_array(X, chunks=(999, -1)), da.from_array(labels, chunks=999))
        assert bits(fitted) == bits(expected)
        assert fitted.classes_.tolist() == np.unique(labels).tolist()
    frame = dd.from_pandas(pd.DataFrame({"y": np.array(["no", "yes"])[codes]}), npartitions=5)
    fitted = fp.PerceptronClassifier().fit(da.from_array(X, chunks=(1000, -1)), frame.y)
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert fitted.model_.target_name == "y"


def test_without_a_client_rows_are_never_whole_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(N_ROWS, 5)
    alive, most = [0], [0]

    class Counted(np.ndarray):
        def __del__(self) -> None:
            alive[0] -= 1

    def load(k: int) -> Any:
        alive[0] += 1
        most[0] = max(most)
        most.append(alive[0])
        return X[k : k + 1000].copy().view(Counted)

    blocks = [da.from_delayed(delayed(load)(k), (min(1000, N_ROWS - k), 5), X.dtype) for k in range(0, N_ROWS, 1000)]
    fp.PerceptronClassifier().fit(da.concatenate(blocks), da.from_array(y, chunks=1000))
    assert max(most) <= 6
    assert spool.DecodedDataset  # rows went there


@pytest.mark.parametrize("has_client", [False, True])
def test_predictions_are_lazy_and_know_what_they_will_be(has_client: bool, request: pytest.FixtureRequest) -> None:
    if has_client:
        request.getfixturevalue("client")
    for n_classes in (2, 3):
        X, y = table(4000, 5, n_classes)
        y = np.array(["a", "b", "c"])[y]
        classifier = fp.PerceptronClassifier().fit(X, y)
        lazy = da.from_delayed(delayed(_never)(), X.shape, X.dtype).rechunk((1000, 2))
        chunked = da.from_array(X, chunks=(1000, 2))
        for method in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
            expected = getattr(classifier, method)(X)
            for asked in (classifier, classifier.model_):
                of_nothing, found = getattr(asked, method)(lazy), getattr(asked, method)(chunked)
                assert type(found) is da.Array
                assert (of_nothing.shape, of_nothing.dtype) == (expected.shape, expected.dtype)
                assert found.chunks[0] == (1000,) * 4
                assert found.compute().tobytes() == expected.tobytes()


def _never() -> None:
    raise AssertionError("this was computed")


def test_predictions_of_a_frame_have_its_index(client: Any) -> None:
    X, y = table(4000, 3, 3)
    frame = pd.DataFrame(X, index=np.arange(4000)[::-1] * 2, columns=["a", "b", "c"])
    classifier = fp.PerceptronClassifier().fit(frame, pd.Series(y, frame.index, name="kind"))
    lazy = dd.from_pandas(frame[["c", "a", "b"]], npartitions=4, sort=False)
    found = classifier.predict(lazy)
    assert isinstance(found, dd.Series)
    assert (found.name, found.dtype, found.npartitions) == ("kind", y.dtype, 4)
    computed = found.compute()
    assert computed.index.tolist() == frame.index.tolist()
    assert computed.tolist() == classifier.predict(frame).tolist()
    probabilities = classifier.predict_proba(lazy)
    assert list(probabilities.columns) == [0, 1, 2]
    assert probabilities.compute().to_numpy().tobytes() == classifier.predict_proba(frame).tobytes()
    with pytest.raises(ValueError, match="lacks 'b'"):
        classifier.predict(
            lazy[["a", "c", "a"]].rename(columns={"a": "a"}) if False else lazy[["a", "c"]].assign(d=1.0)
        )


@pytest.mark.parametrize("has_client", [False, True])
def test_a_score_is_that_of_the_arrays(has_client: bool, request: pytest.FixtureRequest) -> None:
    if has_client:
        request.getfixturevalue("client")
    X, y = table(4000, 3)
    weights = np.random.default_rng(0).integers(0, 4, 4000)
    classifier = fp.PerceptronClassifier().fit(X, y)
    chunked = da.from_array(X, chunks=(999, -1)), da.from_array(y, chunks=999)
    assert classifier.score(*chunked) == classifier.score(X, y)
    assert classifier.score(*chunked, da.from_array(weights, chunks=999)) == pytest.approx(
        classifier.score(X, y, weights)
    )


def test_partial_fit_takes_partitions_in_order(client: Any) -> None:
    X, y = table(4000, 3)
    chunked = fp.PerceptronClassifier().partial_fit(
        da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000), classes=[0, 1]
    )
    other = fp.PerceptronClassifier()
    for k in range(0, 4000, 1000):
        other.partial_fit(X[k : k + 1000], y[k : k + 1000], classes=[0, 1])
    assert chunked.coef_.tobytes() == other.coef_.tobytes()


@pytest.mark.parametrize("has_client", [False, True])
def test_what_cannot_be_is_refused_with_the_reason(has_client: bool, request: pytest.FixtureRequest) -> None:
    if has_client:
        request.getfixturevalue("client")
    X, y = table(4000, 3)
    dX, dy = da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000)
    bad = X.copy()
    bad[2345, 1] = np.nan
    frame = dd.from_pandas(pd.DataFrame({"a": ["x", "y"] * 50, "b": 1.0}), npartitions=2)
    for arguments, options, error, message in [
        ((dX, dy), {"solver": "sgd"}, ValueError, "takes rows one after another"),
        ((dX,), {}, ValueError, "requires y to be passed"),
        ((dX, dy[:-1]), {}, ValueError, "X has 4000 rows, but y has 3999"),
        ((dX, y[:-1]), {}, ValueError, "X has 4000 rows, but y has 3999"),
        ((unknown(X, 1000), unknown(y, 900)), {}, ValueError, "X has 4 partitions and y has 5"),
        ((unknown(X, 1000), y), {}, ValueError, "call X.compute_chunk_sizes"),
        (
            (unknown(X, 1000), unknown(np.append(y[1:], [1, 0]), 1001)),
            {},
            ValueError,
            r"has 1000 rows, but \d+ labels",
        ),
        ((da.from_array(bad, chunks=(1000, -1)), dy), {}, ValueError, "NaN in row 2345, column 1"),
        ((dX[:, 0], dy), {}, ValueError, "Expected 2D array, got 1D"),
        ((dX.astype(complex), dy), {}, ValueError, "real numbers"),
        ((dX, da.zeros(4000, chunks=1000)), {}, ValueError, "at least 2 classes"),
        ((dX, dy, da.zeros(4000, chunks=1000)), {}, ValueError, "at least one non-zero"),
        ((dX, dy, -da.ones(4000, chunks=1000)), {}, ValueError, "not negative"),
        ((frame[["a", "b"]], frame.b), {}, ValueError, "columns that are not numbers: 'a'"),
    ]:
        with pytest.raises(error, match=message):
            fp.PerceptronClassifier(**options).fit(*arguments)
    classifier = fp.PerceptronClassifier().fit(X, y)
    with pytest.raises(ValueError, match="X has 2 features, but PerceptronClassifier is expecting 3"):
        classifier.predict(dX[:, :2])


def test_a_partition_that_changes_when_it_is_made_again_is_named(client: Any) -> None:
    from fastperceptron.cluster.parted_dataset import Bundles

    X, y = table(4000, 3)
    asked = Bundles.__init__

    def other(self: Any, engine: Any, handles: Any, known: Any, fingerprints: Any, *rest: Any) -> None:
        asked(self, engine, handles, known, {**fingerprints, 2: (1, fingerprints[2][1])}, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bundles, "__init__", other)
        with pytest.raises(RuntimeError, match="partition 2 was lost, and what was made again from its source is not"):
            fp.PerceptronClassifier().fit(da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000))


def test_a_fit_within_a_task_ends(client: Any) -> None:
    X, y = table(4000, 3)
    expected = bits(fp.PerceptronClassifier().fit(X, y))

    def task() -> bytes:
        chunked = da.from_array(X, chunks=(500, -1)), da.from_array(y, chunks=500)
        return bits(fp.PerceptronClassifier().fit(*chunked))

    futures = [client.submit(task, key=f"fit-{k}") for k in range(6)]  # more than there are threads
    assert set(client.gather(futures)) == {expected}


def test_the_tasks_of_a_persisted_collection_are_as_many_as_its_bundles(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task costs a millisecond, whatever it does: 10,000 partitions must not have one each."""
    from fastperceptron.cluster.dask_engine import BUNDLES_PER_THREAD, DaskEngine

    n_tasks, submit = [0], DaskEngine._submit

    def counting(self: Any, name: str, function: Any, each: list[Any]) -> Any:
        n_tasks[0] += len(each)
        return submit(self, name, function, each)

    monkeypatch.setattr(DaskEngine, "_submit", counting)
    X, y = table(N_ROWS, 5)
    frame = pd.DataFrame(X, columns=[*"abcde"]).assign(y=y)
    expected = fp.PerceptronClassifier().fit(X, y)
    n_bundles = BUNDLES_PER_THREAD * sum(client.nthreads().values())
    arrays = client.persist([da.from_array(X, chunks=(50, -1)), da.from_array(y, chunks=50)])
    for data in (arrays, [fp.dataset(client.persist(dd.from_pandas(frame, npartitions=400)), target="y")]):
        n_tasks[0] = 0
        fitted = fp.PerceptronClassifier().fit(*data)
        assert bits(fitted) == bits(expected)
        once, reads = 3 * n_bundles + n_bundles**2, 2 + fitted.n_iter_  # a sample is taken, too
        assert n_tasks[0] <= once + reads * n_bundles


def test_nothing_stays_on_the_workers(client: Any) -> None:
    X, y = table(4000, 3)
    persisted = client.persist([da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000)])
    fp.PerceptronClassifier().fit(*persisted)

    def kept() -> list[str]:
        return [key for held in client.has_what().values() for key in held if str(key).startswith("fastperceptron")]

    deadline = time.monotonic() + 10
    while kept() and time.monotonic() < deadline:
        time.sleep(0.05)  # workers hear of it a moment later
    assert not kept()


def test_reads_are_reported_as_they_are_of_arrays(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    X, y = table(N_ROWS, 5)
    lines = []
    for data in ((X, y), (da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000))):
        caplog.clear()
        with caplog.at_level("INFO", "fastperceptron"):
            fp.PerceptronClassifier(verbose=1).fit(*data, progress=True)
        lines.append([record.message for record in caplog.records if record.name == "fastperceptron"])
    assert lines[0]
    assert lines[0] == lines[1]


def test_what_would_pull_all_rows_here_is_refused() -> None:
    X, y = table(4000, 3)
    chunked = da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000)
    model = fp.PerceptronClassifier().fit(X, y).model_
    for refused in (
        lambda: fp.train(*chunked, steps=9),
        lambda: fp.evaluate(model, chunked),
        lambda: model.cost(*chunked),
    ):
        with pytest.raises(TypeError, match="collection of Dask"):
            refused()
    assert fp.evaluate(model, fp.dataset(chunked)).scores == fp.evaluate(model, (X, y)).scores

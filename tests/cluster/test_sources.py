"""fastperceptron.dataset of what Dask has, and of files and synthetic rows on workers: the bytes of a local fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastperceptron as fp
from cluster.conftest import table
from command_line import run
from tables import bits

pytest.importorskip("distributed")
pytest.importorskip("pyarrow")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
from dask import delayed  # noqa: E402  # skipped where Dask is missing

N_ROWS = 20_011
pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore:Sending large graph", "ignore:.*socket", "ignore::ResourceWarning"),
]
both = pytest.mark.parametrize("has_client", [False, True])


def frame() -> pd.DataFrame:
    X, y = table(N_ROWS, 4, 3)
    rng = np.random.default_rng(0)
    return pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(
        town=rng.choice(["Rome", "Oslo", "Bern"], N_ROWS),
        kind=np.array(["x", "y", "z"])[y],
        w=rng.exponential(size=N_ROWS),
    )


def fit(data: fp.Dataset, **options: Any) -> bytes:
    fitted = fp.PerceptronClassifier(**options).fit(data)
    return bits(fitted) + repr((fitted.classes_.tolist(), list(getattr(fitted, "feature_names_in_", [])))).encode()


CHOICES: list[dict[str, Any]] = [
    {"target": "kind", "features": ["c", "a"]},
    {"target": "kind", "weight": "w", "categorical": "auto"},
    {"target": "kind", "features": ["b", "town"], "categorical": {"town": ["Oslo", "Rome"]}, "dtype": "float32"},
]


@both
@pytest.mark.parametrize("choice", CHOICES)
def test_frames(choice: dict[str, Any], has_client: bool, request: pytest.FixtureRequest) -> None:
    rows = frame()
    expected = fit(fp.dataset(rows, **choice))
    if has_client:
        request.getfixturevalue("client")
    for partitions in (1, 4):
        data = fp.dataset(dd.from_pandas(rows, npartitions=partitions), **choice)
        assert fit(data) == expected
    classifier = fp.PerceptronClassifier().fit(data)
    assert classifier.score(data) == pytest.approx(classifier.score(fp.dataset(rows, **choice)), rel=1e-12)


def many_levels() -> pd.DataFrame:
    """Return rows of numbers and of a column of 1000 levels, of which some are in one partition only."""
    rng = np.random.default_rng(2)
    return frame().assign(town=np.array([f"town {k}" for k in np.sort(rng.integers(0, 1000, N_ROWS))]))


@both
def test_a_column_of_many_levels(has_client: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    rows, choice = many_levels(), {"target": "kind", "features": ["a", "town"], "categorical": ["town"]}
    expected = fit(fp.dataset(rows, **choice))
    engine = {"engine": request.getfixturevalue("client")} if has_client else {}
    assert fit(fp.dataset(dd.from_pandas(rows, npartitions=4), **choice)) == expected
    for k in range(3):
        rows[k * 7000 : (k + 1) * 7000].to_parquet(tmp_path / f"rows-{k}.parquet", index=False)
    assert fit(fp.dataset(str(tmp_path / "rows-*.parquet"), **choice, **engine)) == expected


@both
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_files_that_workers_read(ending: str, has_client: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    rows = frame()
    for k in range(6):
        part = rows.iloc[k * 3600 : (k + 1) * 3600]
        (part.to_parquet if ending == "parquet" else part.to_csv)(tmp_path / f"rows-{k}.{ending}", index=False)
    pattern = str(tmp_path / f"rows-*.{ending}")
    for choice in CHOICES[:2]:
        expected = fit(fp.dataset(pattern, **choice))
        client = request.getfixturevalue("client")
        assert fit(fp.dataset(pattern, engine=client, **choice)) == expected
    if has_client:
        with pytest.raises(FileNotFoundError):
            fp.dataset(str(tmp_path / "none-*.parquet"), target="kind", engine=client)


@both
def test_delayed_chunks_and_tuples(has_client: bool, request: pytest.FixtureRequest) -> None:
    X, y = table(N_ROWS, 4)
    weights = np.random.default_rng(0).exponential(size=N_ROWS)
    if has_client:
        request.getfixturevalue("client")
    for own in ((), (weights,)):
        expected = fit(fp.dataset((X, y, *own)))
        chunks = [delayed(tuple(each[k : k + 3000] for each in (X, y, *own))) for k in range(0, N_ROWS, 3000)]
        assert fit(fp.dataset(chunks)) == expected
        assert (
            fit(
                fp.dataset(tuple(da.from_array(each, chunks=(3000, *(-1,) * (each.ndim - 1))) for each in (X, y, *own)))
            )
            == expected
        )
    matrix = da.from_array(np.column_stack([X, y]).astype(np.float64), chunks=(3000, -1))
    assert fit(fp.dataset(matrix, target=-1)) == fit(fp.dataset(np.column_stack([X, y]).astype(np.float64), target=-1))


@pytest.mark.parametrize("options", [{}, {"class_weight": "balanced", "loss": "log_loss"}])
def test_synthetic_rows(options: dict[str, Any], client: Any, tmp_path: Path) -> None:
    data = fp.synthetic(400_000, 5, scale_spread=2, n_classes=3, rng=0)
    expected = fit(data, **options)
    assert fit(fp.dataset(data, engine=client), **options) == expected
    assert fit(fp.synthetic(400_000, 5, scale_spread=2, n_classes=3, rng=0, engine=client), **options) == expected
    path = tmp_path / "fit.ckpt"
    fp.PerceptronClassifier(**options).fit(fp.dataset(data, engine=client), checkpoint=path)
    assert bits(fp.PerceptronClassifier(**options).fit(data, checkpoint=path)) in expected


def test_what_workers_cannot_read_is_refused(client: Any, tmp_path: Path) -> None:
    X, y = table(100, 3)
    np.save(tmp_path / "rows.npy", X)
    rows = dd.from_pandas(pd.DataFrame({"a": [1.0, 2.0] * 9, "y": [0, 1] * 9}), npartitions=2)
    for source, options, error, message in [
        ((X, y), {"engine": client}, TypeError, "engine is for files"),
        (tmp_path / "rows.npy", {"engine": client, "target": 0}, TypeError, "workers read Parquet"),
        (rows, {"target": "z"}, ValueError, "'z'"),
        (rows, {"target": "y", "dtype": "int8"}, ValueError, "dtype must be float32 or float64"),
        (da.zeros((9, 2)), {"target": 2}, ValueError, "target must be the number of one of the 2 columns"),
        (da.zeros((9, 2)), {"categorical": "auto"}, ValueError, "categorical is for files and frames"),
    ]:
        with pytest.raises(error, match=message):
            fp.dataset(source, **options)


@pytest.mark.filterwarnings("ignore")  # of what a client logs where a command ends
def test_the_command_trains_where_workers_are(tmp_path: Path) -> None:
    from distributed import LocalCluster

    rows = frame()
    for k in range(3):
        rows.iloc[k * 7000 : (k + 1) * 7000].to_parquet(tmp_path / f"rows-{k}.parquet", index=False)
    arguments = ("train", "rows-*.parquet", "--target", "kind", "--exclude", "town")
    assert run(*arguments, "--output", "here.safetensors", cwd=tmp_path).returncode == 0
    with LocalCluster(1, threads_per_worker=2, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        done = run(*arguments, "--output", "there.safetensors", "--scheduler", address, cwd=tmp_path)
        refused = run(*arguments, "--holdout", "0.2", "--scheduler", address, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    here, there = (fp.load(tmp_path / f"{name}.safetensors") for name in ("here", "there"))
    assert here.weights.tobytes() == there.weights.tobytes()
    assert "leave one of them out" in refused.stderr

"""The same bits on any number of threads and from any source; and no memory for rows."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fastperceptron as fp
from inferences import COVARIANCES, asked, inference_at, table
from tables import layouts

pytestmark = pytest.mark.compiled


def bits(found: fp.Inference) -> bytes:
    figures = (found.covariance_matrix, found.standard_error, found.log_likelihood, found.tjur_r2, found.distance)
    return b"".join(np.asarray(each).tobytes() for each in figures)


@pytest.mark.parametrize("how", COVARIANCES)
@pytest.mark.parametrize(("n_rows", "n_features"), [(100_000, 5), (9000, 60), (5000, 300)])
@pytest.mark.parametrize("C", [1.0, float("inf")])
def test_any_number_of_threads(how: str, n_rows: int, n_features: int, C: float) -> None:
    X, y, groups = table(0, n_features, n_rows)
    classifier = fp.PerceptronClassifier(loss="log_loss", C=C, tol=1e-3).fit(X, y)
    found = set()
    for classifier.n_jobs in (1, 2, 5):
        found.add(bits(fp.inference(classifier, X, y, **asked(how, groups))))
    assert len(found) == 1


def test_any_layout_and_source(tmp_path: Path) -> None:
    X, y, _ = table(0, 4, 30_000)
    X = X.astype(np.float32)
    parameters = np.array([0.1, 0.5, -0.5, 1.0, 0.0])
    expected = bits(inference_at(parameters, X, y))
    for name, rows in layouts(X, tmp_path).items():
        assert bits(inference_at(parameters, rows, y)) == expected, name
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(y=y)
    frame.to_parquet(tmp_path / "rows.parquet")
    for source in (frame, tmp_path / "rows.parquet"):
        assert bits(inference_at(parameters, fp.dataset(source, target="y"))) == expected
    chunks = fp.dataset(lambda: ((X[k : k + 999], y[k : k + 999]) for k in range(0, len(X), 999)))
    assert bits(inference_at(parameters, chunks)) == expected


def test_made_rows_are_not_stored() -> None:
    data = fp.synthetic(3_000_000, 4, rng=0)
    small = fp.synthetic(1000, 4, rng=0)
    inference_at(np.zeros(5), small)
    tracemalloc.start()
    inference_at(np.zeros(5), data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24e6  # the rows are 48 MB of float32

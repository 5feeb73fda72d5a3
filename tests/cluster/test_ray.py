"""A cluster of Ray: the bytes of the fit on NumPy arrays."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastperceptron as fp
from cluster.conftest import PartedArrays, table
from fastperceptron.cluster.parted_dataset import parted_table
from tables import bits

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.compiled, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def started() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


class OnRay(PartedArrays):
    """Arrays cut at some places."""

    def open_table(self, rows_read: Any = int) -> Any:
        from fastperceptron.cluster.ray_engine import current_engine

        with current_engine(3) as engine:
            tasks = [
                (*(None if each is None else each[a:b] for each in self._parts), number)
                for number, (a, b) in enumerate(pairwise(self._cuts))
            ]
            names = [f"partition {k}" for k in range(len(tasks))]
            return nullcontext(parted_table(engine, tasks, names, 1, rows_read))


def test_a_dataset_of_ray_has_the_bytes_of_its_table(started: None) -> None:
    X, y = table(20_001, 3, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(
        kind=np.array(["x", "y", "z"])[y], town=np.array(["Rome", "Oslo"])[y % 2], w=1.0 + np.arange(len(y)) % 3
    )
    rows = ray.data.from_pandas([frame.iloc[k : k + 3000] for k in range(0, len(frame), 3000)])
    for choice in (
        {"target": "kind", "features": ["c", "a"]},
        {"target": "kind", "weight": "w", "categorical": "auto"},
    ):
        local, there = (fp.dataset(each, **choice) for each in (frame, rows))
        classifier = fp.PerceptronClassifier().fit(there)
        assert bits(classifier) == bits(fp.PerceptronClassifier().fit(local))
        assert classifier.classes_.tolist() == ["x", "y", "z"]
        assert classifier.score(there) == pytest.approx(classifier.score(local), rel=1e-12)


def test_blocks_of_ray_keep_their_order(started: None) -> None:
    X, y = table(8000, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=y)
    expected = bits(fp.PerceptronClassifier().fit(fp.dataset(frame, target="y")))

    def late_first(block: pd.DataFrame) -> pd.DataFrame:
        time.sleep(0.5 if block.a.iloc[0] == X[0, 0] else 0)
        return block

    blocks = ray.data.from_pandas([frame.iloc[k : k + 1000] for k in range(0, 8000, 1000)])
    rows = blocks.map_batches(late_first, batch_format="pandas", batch_size=None)
    assert bits(fp.PerceptronClassifier().fit(fp.dataset(rows, target="y"))) == expected
    assert rows.context.execution_options.preserve_order is False


def test_a_model_predicts_in_map_batches(started: None) -> None:
    X, y = table(3000, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = fp.PerceptronClassifier().fit(frame, y).model_

    def predict(batch: pd.DataFrame) -> pd.DataFrame:
        return batch.assign(label=model.predict(batch))

    rows = ray.data.from_pandas([frame.iloc[k : k + 1000].assign(row=range(k, k + 1000)) for k in range(0, 3000, 1000)])
    found = rows.map_batches(lambda batch: predict(batch[["a", "b", "c"]]).assign(row=batch.row), batch_format="pandas")
    labels = found.to_pandas().sort_values("row").label
    assert labels.tolist() == model.predict(frame).tolist()


def test_what_ray_cannot_do_is_refused(started: None) -> None:
    rows = ray.data.from_items([{"a": 1.0, "y": 0}, {"a": 2.0, "y": 1}])
    for options, error, message in [
        ({"target": "z"}, ValueError, "'z'"),
        ({"target": "y", "csv": {}}, ValueError, "csv is for files"),
        ({"target": "y", "engine": object()}, TypeError, "a dataset of Ray is read by Ray's workers"),
    ]:
        with pytest.raises(error, match=message):
            fp.dataset(rows, **options)
    with pytest.raises(TypeError, match=r"fastperceptron\.dataset"):
        fp.PerceptronClassifier().fit(rows, [0, 1])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_fit_has_the_bytes_of_the_arrays(started: None, n_classes: int) -> None:
    X, y = table(200_001, 20, n_classes)
    expected = bits(fp.PerceptronClassifier().fit(X, y))
    assert bits(fp.PerceptronClassifier().fit(OnRay(X, y, None, (1, 1, 60_000, 199_999)))) == expected

"""What users do around a fit: searches on Dask's joblib backend, predictions as Spark, polars and Ray call them."""

import pickle
import shutil
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

import fastperceptron as fp
from cluster.conftest import table

pytestmark = [pytest.mark.compiled, pytest.mark.filterwarnings("ignore:Sending large graph", "ignore::ResourceWarning")]


def test_a_grid_search_on_dasks_joblib_backend_has_the_scores_of_one_here(client: Any) -> None:
    import joblib

    X, y = table(6000, 5)
    search = GridSearchCV(fp.PerceptronClassifier(), {"C": [0.1, 1.0, 10.0]}, cv=3)
    here = search.fit(X, y)
    scores, coefficients = here.cv_results_["mean_test_score"], here.best_estimator_.coef_
    with joblib.parallel_backend("dask"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = search.fit(X, y)
    assert there.cv_results_["mean_test_score"].tolist() == scores.tolist()
    assert there.best_estimator_.coef_.tobytes() == coefficients.tobytes()


def test_a_model_predicts_in_a_pandas_udf() -> None:
    """As pyspark.sql.functions.pandas_udf calls it: with an iterator of frames, in another process."""
    X, y = table(3000, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = fp.PerceptronClassifier().fit(frame, y).model_
    content = pickle.dumps(model)
    assert len(content) < 4000

    def predict(batches: Any) -> Any:
        own = pickle.loads(content)
        for batch in batches:
            yield pd.Series(own.predict(batch))

    found = pd.concat(list(predict(frame.iloc[k : k + 700] for k in range(0, 3000, 700))), ignore_index=True)
    assert found.tolist() == model.predict(frame).tolist()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_a_model_predicts_in_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    X, y = table(3000, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = fp.PerceptronClassifier().fit(frame, y).model_

    def predict_batches(batches: Iterator[pd.DataFrame]) -> Iterator[pd.Series]:
        for batch in batches:
            yield pd.Series(model.predict(batch))

    session = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        predict = sql.functions.pandas_udf(predict_batches, "long")
        rows = session.createDataFrame(frame.assign(row=range(len(frame))))
        found = rows.select("row", predict(sql.functions.struct("a", "b", "c")).alias("label")).toPandas()
    finally:
        session.stop()
    assert found.sort_values("row").label.tolist() == model.predict(frame).tolist()


def test_a_model_predicts_in_polars_map_batches() -> None:
    pl = pytest.importorskip("polars")
    X, y = table(3000, 3)
    frame = pl.DataFrame(dict(zip("abc", X.T, strict=True)))
    model = fp.PerceptronClassifier().fit(frame, y).model_
    probability = frame.lazy().select(
        pl.struct("a", "b", "c")
        .map_batches(lambda rows: pl.Series(model.predict_proba(rows.struct.unnest())[:, 1]), return_dtype=pl.Float32)
        .alias("p")
    )
    assert np.array_equal(probability.collect()["p"].to_numpy(), model.predict_proba(frame)[:, 1])


def test_a_model_predicts_in_map_batches_of_ray() -> None:
    """As ray.data.Dataset.map_batches calls it: with a dict of arrays."""
    X, y = table(3000, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = fp.PerceptronClassifier().fit(frame, y).model_

    def predict(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**batch, "label": model.predict(pd.DataFrame(batch))}

    found = predict({name: frame[name].to_numpy() for name in frame})
    assert found["label"].tolist() == model.predict(frame).tolist()

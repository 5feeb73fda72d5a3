"""onnxruntime predicts from the ONNX graph what the model predicts; skl2onnx exports pipelines with the classifier."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fastperceptron as fp
from exported_models import CLASSES, PLACES, model_of, rows_of
from models import LABELS, make

DTYPES = ["float64", "float32"]


def run(made: Any, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outputs of a graph by name."""
    session = pytest.importorskip("onnxruntime").InferenceSession(made.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def exported(model: fp.Perceptron, *arguments: Any, **options: Any) -> Any:
    pytest.importorskip("onnx")
    return model.to_onnx(*arguments, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_outputs_are_those_of_the_model(dtype: str, kind: str, place) -> None:
    model = model_of(kind, *place)
    X = rows_of(model).astype(dtype)
    found = run(exported(model, dtype=dtype), X=X)
    assert list(found) == ["label", "probabilities"]
    assert found["label"].tolist() == model.predict(X).tolist()
    expected = model.predict_proba(X)
    assert found["probabilities"].dtype == expected.dtype == dtype
    np.testing.assert_allclose(found["probabilities"], expected, rtol=0, atol=1e-6 if dtype == "float32" else 1e-12)


@given(
    X=hnp.arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6)),
    weights=hnp.arrays(np.float64, (3, 3), elements=st.floats(-1e3, 1e3)),
    bias=hnp.arrays(np.float64, 3, elements=st.floats(-1e6, 1e6)),
    is_two=st.booleans(),
    activation=st.sampled_from(["sigmoid", "softmax"]),
)
def test_any_rows_and_weights_agree(X, weights, bias, is_two, activation) -> None:
    three = fp.Perceptron(weights, bias, list("abc"), activation=activation)
    model = fp.Perceptron(weights[0], bias[0], [0, 1]) if is_two else three
    found, z = run(exported(model), X=X), model.decision_function(X)
    size = (np.abs(X) @ np.abs(weights).T + np.abs(bias)).max(axis=1) * 1e-13
    expected = model.predict_proba(X)
    tolerance = 1e-6 + size.max()
    if tolerance < 1e-3:
        np.testing.assert_allclose(found["probabilities"], expected, rtol=0, atol=tolerance)
    two = np.sort(np.c_[z, np.zeros(len(z))] if is_two else z, axis=1)
    is_clear = two[:, -1] - two[:, -2] > size
    assert (found["label"] == model.predict(X))[is_clear].all()


def test_small_probabilities_have_their_digits() -> None:
    X = np.linspace(-600, 600, 100)[:, None]
    for model in (
        fp.Perceptron([1.0], 0.0, [0, 1]),
        fp.Perceptron([[0.5], [0.3], [-0.1]], np.full(3, -800.0), [0, 1, 2]),
        fp.Perceptron([[0.5], [0.3], [-0.1]], np.full(3, -800.0), [0, 1, 2], activation="softmax"),
    ):
        np.testing.assert_allclose(run(exported(model), X=X)["probabilities"], model.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("labels", [*LABELS, [0.1, 0.2, 0.5], ["b", "a", "c"], [3, 1, 2], ["", "  "]], ids=str)
def test_labels_are_those_that_predict_returns(labels) -> None:
    n = len(labels)
    model = fp.Perceptron(np.eye(3) if n > 2 else [1.0, 0.0, 0.0], np.zeros(3) if n > 2 else 0.0, labels)
    found = run(exported(model), X=np.eye(3))["label"]
    assert found.tolist() == model.predict(np.eye(3)).tolist()
    assert [*map(type, found.tolist())] == [*map(type, model.classes[:1].tolist() * 3)]


def test_ties_are_the_first_class() -> None:
    three = fp.Perceptron(np.zeros((3, 1)), np.zeros(3), list("abc"))
    assert run(exported(three), X=np.zeros((1, 1)))["label"].tolist() == ["a"]
    assert run(exported(fp.Perceptron([0.0], 0.0, list("ab"))), X=np.zeros((1, 1)))["label"].tolist() == ["a"]


def test_a_file_holds_the_graph_and_the_names(tmp_path: Path) -> None:
    model = make(feature_names=["\u00e4, b", "\ud800"], target_name="y")
    made = exported(model, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == made.SerializeToString()
    assert [*tmp_path.iterdir()] == [tmp_path / "m.onnx"]
    known = {each.key: json.loads(each.value) for each in made.metadata_props}
    assert known == {"feature_names": ["\u00e4, b", "\ud800"], "target_name": "y"}
    assert not make().to_onnx().metadata_props
    assert made.SerializeToString() == model.to_onnx().SerializeToString()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.to_onnx(tmp_path / "none" / "m.onnx")


def test_what_onnx_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="int64, which cannot hold 18446744073709551615"):
        exported(make(classes=np.array([1, 2**64 - 1], np.uint64)))
    with pytest.raises(ValueError, match="holds a lone surrogate"):
        exported(make(classes=["a", "\ud800"]))
    for dtype in ("float16", "int64", None, "x", int):
        with pytest.raises(ValueError, match="dtype must be one of 'float64', 'float32'"):
            exported(make(), dtype=dtype)
    assert exported(make(), dtype=np.float32) == exported(make(), dtype="f4")


@pytest.mark.parametrize(("package", "extra"), [("onnx", "onnx"), ("skl2onnx", "onnx")])
def test_without_the_package_the_error_says_what_to_install(monkeypatch, package: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install .*'fastperceptron\[{extra}\]'"):
        make().to_onnx() if package == "onnx" else fp.register_onnx_converter()


def labelled(kind: str, X: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(1)
    z = X @ rng.normal(size=(X.shape[1], 3)) + rng.normal(size=(len(X), 3))
    y = z.argmax(axis=1) if kind.startswith("three") else (z[:, 0] > 0).astype(int)
    return {"bool": y.astype(bool), "text": np.array(["no", "yes", "perhaps"])[y], "float": y * 2.0}.get(
        kind.partition(" ")[2], y
    )


KINDS = ["two", "two bool", "two text", "two float", "three", "three text"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pipeline_is_exported(kind: str, dtype: str) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    fp.register_onnx_converter()
    X = np.random.default_rng(0).normal(size=(200, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, -1]
    pipeline = make_pipeline(StandardScaler(), fp.PerceptronClassifier()).fit(X, labelled(kind, X))
    made = skl2onnx.to_onnx(pipeline, X[:1].astype(dtype), options={"zipmap": False})
    found = run(made, X=X.astype(dtype))
    tolerance = 1e-6 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(found["probabilities"], pipeline.predict_proba(X), rtol=0, atol=tolerance)
    assert found["label"].tolist() == pipeline.predict(X).tolist()
    assert found["label"].dtype == (object if "text" in kind else np.int64)


@pytest.mark.parametrize("kind", KINDS)
def test_the_options_of_skl2onnx_are_known(kind: str) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    fp.register_onnx_converter()
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    classifier = fp.PerceptronClassifier().fit(X, labelled(kind, X))
    p = classifier.predict_proba(X)
    found = run(skl2onnx.to_onnx(classifier, X[:1]), X=X)
    assert list(found) == ["output_label", "output_probability"]
    for row, expected in zip(found["output_probability"], p.tolist(), strict=True):
        assert row == pytest.approx(dict(zip(classifier.classes_.tolist(), expected, strict=True)), abs=1e-6)
    columns = run(skl2onnx.to_onnx(classifier, X[:1], options={"zipmap": "columns"}), X=X)
    np.testing.assert_allclose(np.column_stack([*columns.values()][1:]), p, atol=1e-6)
    numbered = run(skl2onnx.to_onnx(classifier, X[:1], options={"zipmap": False, "nocl": True}), X=X)
    assert classifier.classes_[numbered["label"]].tolist() == classifier.predict(X).tolist()


@pytest.mark.parametrize("opset", [13, 15, 18, 21])
def test_any_opset_from_13_on_will_do(opset: int) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    fp.register_onnx_converter()
    X = np.random.default_rng(0).normal(size=(50, 3))
    pipeline = make_pipeline(StandardScaler(), fp.PerceptronClassifier()).fit(X, labelled("three", X))
    made = skl2onnx.to_onnx(pipeline, X[:1], options={"zipmap": False}, target_opset=opset)
    np.testing.assert_allclose(run(made, X=X)["probabilities"], pipeline.predict_proba(X), atol=1e-12)
    with pytest.raises(ValueError, match="needs target_opset=13 or more"):
        skl2onnx.to_onnx(pipeline, X[:1], options={"zipmap": False}, target_opset=12)


def test_a_pipeline_of_numbers_and_levels_is_exported() -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

    fp.register_onnx_converter()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 9, 200), "plan": rng.choice(["a", "b", "it's"], 200)})
    y = np.where(frame.age + 5 * (frame.plan == "a") + rng.normal(0, 4, 200) > 41, "yes", "no")
    coded = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["plan"]), sparse_threshold=0)
    pipeline = make_pipeline(coded, fp.PerceptronClassifier()).fit(frame, y)
    types = [("age", DoubleTensorType([None, 1])), ("plan", StringTensorType([None, 1]))]
    made = skl2onnx.to_onnx(pipeline, initial_types=types, options={"zipmap": False})
    found = run(made, age=frame[["age"]].to_numpy(), plan=frame[["plan"]].to_numpy(object))
    np.testing.assert_allclose(found["probabilities"], pipeline.predict_proba(frame), rtol=0, atol=1e-6)
    assert found["label"].tolist() == pipeline.predict(frame).tolist()


def test_fractions_as_labels_of_a_pipeline_are_refused() -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    fp.register_onnx_converter()
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    classifier = fp.PerceptronClassifier().fit(X, labelled("two", X))
    classifier.classes_ = np.array([0.5, 1.5])
    with pytest.raises(ValueError, match="are fractions: export"):
        skl2onnx.to_onnx(classifier, X[:1], options={"zipmap": False})

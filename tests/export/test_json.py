"""The JSON object holds all that predictions need, to the bit, and no more than JSON has."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

import fastperceptron as fp
from exported_models import CLASSES, model_of
from models import LABELS, make

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def read_back(text: str) -> fp.Perceptron:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    found = json.loads(text, parse_constant=refuse)
    assert found["format"] == "fastperceptron-json/1"
    names, target = found["feature_names"], found["target_name"]
    activation = "softmax" if found["probabilities"] == "softmax" else "sigmoid"
    return fp.Perceptron(
        found["weights"], found["bias"], found["classes"], names, target_name=target, activation=activation
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_the_object_is_the_model(kind: str) -> None:
    model = model_of(kind)
    assert read_back(model.to_json()) == model
    expected = {"two": "sigmoid", "three": "one_vs_rest", "five": "one_vs_rest"}.get(kind, "softmax")
    assert json.loads(model.to_json())["probabilities"] == expected


@given(weights=st.lists(FINITE, min_size=1, max_size=4), bias=FINITE)
def test_numbers_are_exact(weights: list[float], bias: float) -> None:
    found = read_back(fp.Perceptron(weights, bias, [0, 1]).to_json())
    assert found.weights.tobytes() == np.array(weights).tobytes()
    assert np.float64(found.bias).tobytes() == np.float64(bias).tobytes()


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_labels_are_of_their_own_kind(labels) -> None:
    model = make(classes=labels, target_name="y")
    found = read_back(model.to_json())
    assert found.classes.tolist() == model.classes.tolist()
    assert [*map(type, found.classes.tolist())] == [*map(type, model.classes.tolist())]
    assert found.target_name == "y"


def test_text_that_json_would_change_is_refused() -> None:
    assert read_back(make(feature_names=["\ud83c", "b\n"]).to_json()).feature_names == ("\ud83c", "b\n")
    with pytest.raises(ValueError, match="two surrogates that are not one character"):
        make(feature_names=["\ud83c" + "\udf3c", "b"]).to_json()

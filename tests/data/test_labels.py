"""Labels of any kind become class numbers, and come back."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

import fastperceptron as fp
from fastperceptron.data import labels as labels_module
from fastperceptron.data.labels import as_labels, check_not_continuous, codes_of, encode, encode_classes
from fastperceptron.kernels.labels import MAX_CLASSES, SLOTS, first_slot

KINDS = [st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)]


@pytest.mark.parametrize("kind", KINDS, ids=["integers", "floats", "strings"])
@given(data=st.data())
def test_codes_say_which_class_each_label_is(kind: st.SearchStrategy, data: st.DataObject) -> None:
    # NumPy's strings cannot end in NUL.
    kind = kind.filter(lambda label: not isinstance(label, str) or not label.endswith("\0"))
    pair = data.draw(st.lists(kind, min_size=2, max_size=2, unique=True))
    chosen = data.draw(st.lists(st.sampled_from([0, 1]), max_size=20))
    labels = [*pair, *(pair[i] for i in chosen)]
    classes, codes = encode(labels, len(labels))
    assert classes[codes].tolist() == labels
    assert classes[0] < classes[1]
    assert codes.dtype == np.uint8
    np.testing.assert_array_equal(codes_of(labels, len(labels), classes), codes)


def test_missing_labels_of_frames_are_named() -> None:
    with pytest.raises(ValueError, match="row 1"):
        as_labels(pd.Series(["a", pd.NA], dtype="object"))
    with pytest.raises(ValueError, match="row 1"):
        as_labels(pd.Series([1, None], dtype="Int64"))


@pytest.mark.parametrize("labels", [np.array(["a"], "T"), [["a"]], pd.Series(["a"])])
def test_strings_come_in_many_wrappings(labels) -> None:
    assert as_labels(labels).tolist() == ["a"]


@pytest.mark.parametrize("labels", [[1j], np.array(["2020-01-01"], "M8[D]"), [b"bytes"]])
def test_other_kinds_are_refused(labels) -> None:
    with pytest.raises(TypeError, match="numbers, booleans or strings"):
        as_labels(labels)


DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">f8", "U3", np.longdouble]


def check_against_numpy(labels: np.ndarray) -> None:
    expected, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    found = encode_classes(labels, labels.size)
    np.testing.assert_array_equal(found.classes, expected)
    assert found.classes.dtype == labels.dtype
    np.testing.assert_array_equal(found.codes, inverse)
    np.testing.assert_array_equal(found.counts, counts)
    narrowest = np.uint8 if expected.size <= 256 else np.uint16 if expected.size <= 65536 else np.int32
    assert found.codes.dtype == narrowest
    assert not found.codes.flags.writeable
    again = encode_classes(labels[::-1], labels.size, expected)
    np.testing.assert_array_equal(again.codes, inverse[::-1])
    np.testing.assert_array_equal(again.counts, counts)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(
    n_classes=st.integers(2, 300),
    n_rows=st.integers(2, 3000),
    is_sorted=st.booleans(),
    stride=st.integers(1, 2),
    seed=st.integers(0, 2**32),
)
def test_encoding_equals_numpys_unique(dtype, n_classes, n_rows, is_sorted, stride, seed) -> None:
    rng = np.random.default_rng(seed)
    # Whole numbers: more than 256 fractions are no classes. Negative ones where the dtype has them.
    values = rng.choice(2000, n_classes, replace=False) - 1000
    labels = values[rng.integers(0, n_classes, n_rows * stride)].astype(dtype)[::stride]
    labels = np.sort(labels) if is_sorted else labels
    if np.unique(labels).size > 1:
        check_against_numpy(labels)


def test_classes_first_seen_after_many_rows_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros(5000)
    labels[[1500, 3000, 4999]] = 2.0, 1.0, -1.0
    check_against_numpy(labels)
    monkeypatch.setattr(labels_module, "BLOCK_LABELS", 100)
    check_against_numpy(labels)
    check_against_numpy(np.arange(5000) % 257)


def test_labels_that_share_a_slot_are_told_apart() -> None:
    slots = np.array([first_slot(np.uint64(label)) for label in range(20 * SLOTS)])
    sharing = np.flatnonzero(slots == slots[5])
    assert sharing.size > 4
    check_against_numpy(np.tile(sharing, 3))
    last = np.flatnonzero(slots >= SLOTS - 2)  # their search goes round
    check_against_numpy(np.tile(last, 3))


def test_zeros_of_both_signs_are_one_class() -> None:
    labels = np.array([0.0, -0.0, 1.0, -0.0, 0.0])
    found = encode_classes(labels, 5)
    assert found.codes.tolist() == [0, 0, 1, 0, 0]
    assert found.counts.tolist() == [4, 1]
    # 257 patterns are 256 classes.
    many = np.append(np.arange(MAX_CLASSES, dtype=float), -0.0)
    assert encode_classes(many, many.size).counts.tolist() == [2] + [1] * 255


@pytest.mark.parametrize("n_classes", [MAX_CLASSES, MAX_CLASSES + 1, 70_000])
@pytest.mark.parametrize("kind", [np.int64, np.float64, str])
def test_any_number_of_classes_has_codes(n_classes: int, kind: type) -> None:
    check_against_numpy(np.arange(n_classes)[::-1].astype(kind))


def test_labels_of_given_classes_need_not_be_all_of_them() -> None:
    found = encode_classes([7, 7, 3], 3, np.array([9, 7, 3]))
    assert found.codes.tolist() == [1, 1, 2]
    assert found.counts.tolist() == [0, 2, 1]
    assert found.codes.dtype == np.uint8
    assert encode_classes(["b"], 1, np.array(["a", "b", "c"])).counts.tolist() == [0, 1, 0]
    wide = encode_classes([3, 400], 2, np.arange(500))
    assert wide.codes.tolist() == [3, 400]
    assert wide.codes.dtype == np.uint16


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 1, 5, 6], [0, 1, 2], r"y holds 5 in row 2, but the model knows \[0, 1, 2\]"),
        (["a", "rose"], ["a", "b"], "y holds 'rose' in row 1, but the model knows"),
        (["a", "b"], [0, 1], "y holds 'a' in row 0, but the model knows"),
        (np.arange(1000.0), [0, 1, 2], "y holds 3.0 in row 3, but the model knows"),
        ([0.0, np.nan, np.inf], None, "y holds nan in row 1: drop rows"),
        ([0.0, 1.0, -np.inf], None, "y holds -inf in row 2: drop rows"),
        (np.array([0, 1, np.inf], np.longdouble), None, "y holds .*inf.* in row 2: drop rows"),
        (np.array([0, np.nan, 1], np.longdouble), None, "y holds .*nan.* in row 1: drop rows"),
        (np.append(np.arange(1000.0), np.nan), None, "y holds nan in row 1000: drop rows"),
        ([4, 4, 4], None, "needs samples of at least 2 classes in the data, but y holds one class only \\(4\\)"),
        (["a"], None, "one class only \\('a'\\)"),
        (np.linspace(0, 1, 10**6), None, "Unknown label type: continuous"),
        ([[1, 2]], None, "must have one dimension"),
        ([], None, "y is empty"),
    ],
)
def test_labels_that_are_wrong_are_named(labels, classes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_classes(labels, len(labels), None if classes is None else np.array(classes))


def test_a_label_a_row_is_needed() -> None:
    with pytest.raises(ValueError, match="X has 3 rows, but y has 2 labels"):
        encode_classes([0, 1], 3)


def test_one_neuron_takes_two_classes_only() -> None:
    with pytest.raises(ValueError, match=r"y holds 7 classes \(0, 1, 2, 3, 4, \.\.\.\)"):
        encode(np.arange(7), 7)
    with pytest.raises(ValueError, match=r"y holds the classes \[0, 1\], but the model knows \[0, 2\]"):
        encode([0, 1], 2, np.array([0, 2]))
    classes, codes = encode([1.5, 0.5], 2)
    assert classes[codes].tolist() == [1.5, 0.5]


def test_fractions_are_a_continuous_target() -> None:
    with pytest.raises(ValueError, match=r"^Unknown label type: continuous\. y holds 0\.5"):
        check_not_continuous(np.array([0.0, 0.5, 1.0]))
    for classes in ([0.0, -3.0], [0, 1], ["a", "b"], [False, True]):
        check_not_continuous(np.array(classes))


@pytest.mark.parametrize("dtype", [np.uint8, bool])
def test_labels_that_are_class_numbers_already_are_counted_and_not_copied(dtype: type) -> None:
    y = np.array([1, 0, 1, 1], dtype)
    found = encode_classes(y, 4)
    assert found.codes.tolist() == [1, 0, 1, 1]
    assert found.counts.tolist() == [1, 3]
    assert found.classes.tolist() == [0, 1]
    assert np.shares_memory(found.codes, y)
    assert encode_classes(y[::2], 2, classes=found.classes).codes.tolist() == [1, 1]
    with pytest.raises(ValueError, match="one class"):
        encode_classes(y[::2], 2)


ROWS = np.eye(3)
TAKERS: dict[str, Callable[[Any], object]] = {
    "fit": lambda y: fp.PerceptronClassifier().fit(ROWS, y),
    "partial_fit": lambda y: fp.PerceptronClassifier().partial_fit(ROWS, y, classes=[0, 1]),
    "classes": lambda y: fp.PerceptronClassifier().partial_fit(ROWS, [0, 1, 0], classes=y),
    "train": lambda y: fp.train(ROWS, y, steps=2),
    "array data set": lambda y: fp.PerceptronClassifier().fit(fp.dataset((ROWS, y))),
    "chunks": lambda y: fp.PerceptronClassifier().fit(fp.dataset(iter([(ROWS, y)]))),
    "score": lambda y: fp.PerceptronClassifier().fit(ROWS, [0, 1, 0]).score(ROWS, y),
    "evaluate": lambda y: fp.evaluate(fp.PerceptronClassifier().fit(ROWS, [0, 1, 0]), fp.dataset((ROWS, y))),
}
WRAPPINGS = {
    "list": list,
    "tuple": tuple,
    "column": lambda y: [[label] for label in y],
    "objects": lambda y: np.array(y, object),
    "Series": lambda y: pd.Series(y, dtype=object),
}
MIXED = [[True, 2, 1], [0, np.True_, 1], [1.5, True, 0], ["a", 1, "b"], ["a", True, "b"]]
MISSING = [["a", None, "b"], ["a", np.nan, "b"], [1, None, 0], [1, np.nan, 0], ["a", pd.NA, "b"], [True, None, False]]


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_labels_that_mix_kinds_or_are_missing_are_refused_wherever_they_come(taker: str, wrapping: str) -> None:
    for labels in MIXED:
        with pytest.raises(TypeError, match=r"mixes \w+ \(row 0\) with \w+ \(row 1\): use one kind"):
            TAKERS[taker](WRAPPINGS[wrapping](labels))
    for labels in MISSING:
        with pytest.raises(ValueError, match=r"holds (None|nan|<NA>) in row 1: drop rows without a label first"):
            TAKERS[taker](WRAPPINGS[wrapping](labels))

"""Labels of any kind become class numbers, and come back."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from fastperceptron.data.labels import as_labels, codes_of, encode

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

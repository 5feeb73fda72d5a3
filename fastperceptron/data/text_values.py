"""Numbers and labels that are stored as text: in CSV files and in the names of folders.

Text is converted here, not by a reader that guesses types from the first rows: what a value means never depends on
which rows or files are read with it. Reading 20 columns as text and converting them takes 5% longer than letting
pyarrow's reader convert them (1.14 and 1.08 s for a million rows).
"""

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastperceptron.checks import Array
from fastperceptron.data.labels import exact_array

BOOLEANS = {"true": True, "false": False}  # in any case
HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]+)")
WHOLE = re.compile(r"[+-]?[0-9]+")


def as_number(text: str) -> bool | int | float | None:
    """Return the number that a text means, or None: booleans, whole numbers, fractions, hexadecimal numbers.

    Examples
    --------
    >>> [as_number(text) for text in ("7", " 7.50", "0x1F", "True", "1,234", "?")]
    [7, 7.5, 31, True, None, None]
    """
    text = text.strip()
    if WHOLE.fullmatch(text):
        return int(text)
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if found := HEXADECIMAL.fullmatch(text):
        return int(found[1] + found[2], 16)
    if not text.isascii() or "_" in text:  # Python would read 1_000 and other scripts' digits
        return None
    try:
        return float(text)
    except ValueError:
        return None


def numbers_of(column: pa.Array, dtype: np.dtype) -> Array:
    """Return a column of text without nulls as numbers, (n_rows,); NaN where a text is not a number or means NaN."""
    try:
        # Cast directly: float32 values that went through float64 would be rounded twice.
        cast: Array = pc.cast(column, pa.from_numpy_dtype(dtype)).to_numpy(zero_copy_only=False)
        return cast
    except pa.ArrowInvalid:
        coded = column.dictionary_encode()
    found = [as_number(text) for text in coded.dictionary.to_pylist()]
    values = np.array([math.nan if value is None else float(value) for value in found], dtype)
    codes: Array = coded.indices.to_numpy()
    return values[codes]


def first_that_is_no_number(column: pa.Array) -> tuple[int, str] | None:
    """Return the row and the text of the first value of a column that is not a number, or None."""
    coded = column.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    odd = [number for number, text in enumerate(texts) if as_number(text) is None]
    if not odd:
        return None
    row = int(np.isin(coded.indices.to_numpy(), odd).argmax())
    return row, texts[coded.indices[row].as_py()]


def are_numbers(texts: Iterable[str]) -> bool:
    """Return whether all of some texts are numbers."""
    return all(as_number(text) is not None for text in texts)


def as_labels_of_text(texts: Any, *, are_numeric: bool) -> Array:
    """Return labels as numbers if all are, else as objects of type str."""
    return exact_array([as_number(text) for text in texts], "the target") if are_numeric else np.array(texts, object)

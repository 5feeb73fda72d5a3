"""A quote that is not closed takes no rows away silently, in whatever column; text of several lines is still read."""

import csv
import io
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import fastperceptron as fp
from fastperceptron.data.csv_quotes import Marks, QuoteCheck

WORDS = st.lists(st.sampled_from(["red", "blue", " ", ",", '"', "\n", "5"]), max_size=6).map("".join)
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)


def text_of(notes: list[str], quoting: Any) -> str:
    """Return rows of a number, a note, a label and another number."""
    content = io.StringIO()
    writer = csv.writer(content, quoting=quoting, lineterminator="\n")
    writer.writerows([("a", "note", "y", "b"), *((n, note, n % 2, 2.5) for n, note in enumerate(notes))])
    return content.getvalue()


def n_rows_of(content: str, folder: Path, **options: Any) -> int:
    (folder / "t.csv").write_text(content)
    return len(fp.dataset(folder / "t.csv", target="y", features=["a", "b"], **options).arrays()[0])


@SETTINGS
@given(notes=st.lists(WORDS, min_size=1, max_size=6), quoting=QUOTING)
def test_text_of_several_lines_is_read(notes: list[str], quoting: Any, tmp_path: Path) -> None:
    content = text_of(notes, quoting)
    assert n_rows_of(content, tmp_path, csv={"newlines_in_values": True}) == len(notes)
    if not any(note.count(",") >= 2 for note in notes):  # such lines could be rows
        assert n_rows_of(content, tmp_path) == len(notes)


@SETTINGS
@given(notes=st.lists(WORDS, min_size=1, max_size=6), quoting=QUOTING, data=st.data())
def test_a_quote_that_is_missing_takes_no_rows_away(
    notes: list[str], quoting: Any, data: st.DataObject, tmp_path: Path
) -> None:
    notes = [note.replace("\n", "").replace('"', "") for note in notes]
    content = text_of(notes, quoting)
    places = [match.end() - 1 for match in re.finditer('"[^"]*"', content)]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    try:
        found = n_rows_of(content[:place] + content[place + 1 :], tmp_path)
    except ValueError:
        return
    assert found == len(notes)


GOOD = 'k,a,y\nu,1,0\n"v",2,1\n'
BAD = {
    "to the end": (GOOD + '"w,3,1\nx,4,0\n', "row 2 .line 4 of the file. is not closed before the end of the file"),
    "in the last column": (
        GOOD.replace("y\n", "z\n") + 'w,3,"1\nx,4,0\n',
        "row 2 .* is not closed before the end of the file",
    ),
    "up to another value": (GOOD + '"w,3,1\n"x",4,0\n', "row 2 .line 4 .* is not closed before the next one"),
    "up to another one that is lost": (
        GOOD + '"w,3,1\nx",4,0\ny,5,1\n',
        "row 2 .*seems not to be closed: the 2 lines from there on are rows",
    ),
    "below an empty line": (GOOD + '\n"w,3,1\nx,4,0\n', "row 2 .line 5 of the file. is not closed"),
    "below text of two lines": (GOOD + '"w\nw",3,1\n"x,4,0\n', "row 3 .line 6 of the file. is not closed"),
    "with CR": (GOOD.replace("\n", "\r\n") + '"w,3,1\r\n"x",4,0\r\n', "row 2 .line 4 "),
    "in the header": ('"k,a,y\nu,1,0\n"v",2,1\n', "the header .line 1 of the file. is not closed"),
    "far down": (GOOD + 'u,1,0\n"v",2,1\n' * 200_000 + '"w,3,1\n' + "x,4,0\n" * 300_000, "row 400002 .line 400004 "),
}


@pytest.mark.parametrize("name", BAD)
def test_a_quote_that_is_not_closed_is_named_with_file_row_and_line(name: str, tmp_path: Path) -> None:
    content, message = BAD[name]
    (tmp_path / "t.csv").write_text(content, newline="")
    with pytest.raises(ValueError, match=r"t\.csv") as caught:
        fp.dataset(tmp_path / "t.csv", features=["a"]).head(10**7)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert re.search("correct it; if values are not quoted, .*quote_char.*newlines_in_values", str(caught.value))


@pytest.mark.parametrize(
    ("content", "options", "rows"),
    [
        ('k,a,y\n5" pipe,1,0\nx,2,1\n', {}, 2),  # a quote within a value has no meaning
        ('k,a,y\n"5"" pipe",1,0\n"a\nb",2,1\n', {}, 2),
        ("k,a,y\n'u,1,0\n'v',2,1\n", {}, 2),
        ('k,a,y\n"u,1,0\nv",2,1\n', {"quote_char": False}, 2),
        ('k,a,y\n"u, 1,0\nv",2,1\n', {"newlines_in_values": True}, 1),
        ('k,a,y\n"say \\"u\\"\nv",2,1\n', {"escape_char": "\\"}, 1),
        ("k;a;y\n'u\nv';2;1\n", {"quote_char": "'", "delimiter": ";"}, 1),
        ('k,a,y\n"é\nv",2,1\n', {"encoding": "utf-16"}, 1),
    ],
)
def test_quotes_mean_what_the_options_say(content: str, options: Any, rows: int, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content.encode(options.get("encoding", "utf-8")))
    assert len(fp.dataset(tmp_path / "t.csv", features=["a"], csv=options).head(9).X) == rows


@given(content=st.text(st.sampled_from('a,"\n\r'), max_size=40), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_parts_of_any_length_are_the_same_file(content: str, cuts: list[int]) -> None:
    def said(parts: list[bytes], *, is_counting: bool) -> str:
        check = QuoteCheck(Marks(b",", b'"', b""), 0, 1, is_counting=is_counting)
        try:
            for part in [*filter(None, parts), b""]:
                check.see(part)
        except ValueError as error:
            return str(error)
        return ""

    text, places = content.encode(), [0, *sorted(cuts), 40]
    parts = [text[start:stop] for start, stop in itertools.pairwise(places)]
    expected = said([text], is_counting=True)
    assert said(parts, is_counting=True) == expected
    assert bool(said(parts, is_counting=False)) == bool(expected)

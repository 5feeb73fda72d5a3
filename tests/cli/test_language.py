"""Texts of the command line become Python's options, and messages about Python's options become the command line's."""

import pytest

from fastperceptron.cli.language import csv_option_values, split_columns, translate


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("leave it out (`features`)", "leave it out (--exclude)"),
        ("(`categorical=['plan']`)", "(--categorical plan)"),
        ("(`categorical=['my plan']`)", "(--categorical 'my plan')"),
        ("`csv={'delimiter': ';'}`", "--csv delimiter=';'"),
        ("`csv={'null_values': ['?']}`", "--csv null_values='?'"),
        ("`csv={'has_header': False}`", "--csv has_header=false"),
        ("raise `max_levels`, now 9", "raise --max-levels, now 9"),
        ("name their column, dataset(..., target=...), or pass (X, y).", "name their column, --target."),
        ("solver='newton' stopped after max_iter=3 reads", "--solver newton stopped after --max-iter 3 reads"),
        ("raise max_iter; or raise tol, or lower C", "raise --max-iter; or raise --tol, or lower --C"),
        ("target: there is no column 'tol=3'", "--target: there is no column 'tol=3'"),
        ("column 'max_iter' is text", "column 'max_iter' is text"),
        ("two\nlines", "two lines"),
    ],
)
def test_messages_name_options_of_the_command_line(message: str, expected: str) -> None:
    assert translate(message) == expected


def test_csv_options_are_those_of_the_mapping() -> None:
    given = ["delimiter==", "has_header=false", "null_values=?,-", "null_values=NA", "skip_rows=2", "comment=#"]
    assert csv_option_values([*given, "column_types.a.b=string"]) == {
        "delimiter": "=",
        "has_header": False,
        "null_values": ["?", "-", "NA"],
        "skip_rows": 2,
        "comment": "#",
        "column_types": {"a.b": "string"},
    }
    assert csv_option_values([]) is None


@pytest.mark.parametrize("given", [["x"], ["column_types=string"], ["delimiter.x=;"], ["skip_rows=two"]])
def test_csv_options_of_another_form_are_refused(given: list[str]) -> None:
    with pytest.raises(ValueError, match="--csv"):
        csv_option_values(given)


def test_a_column_whose_name_has_commas_is_found_first() -> None:
    names = ["a", "b", "a,b", "c"]
    assert split_columns(["a,b"], names, "--id") == ["a,b"]
    assert split_columns(["c, a,b"], names, "--id") == ["c", "a", "b"]
    assert split_columns(["c,a,b"], names, "--id") == ["c", "a,b"]

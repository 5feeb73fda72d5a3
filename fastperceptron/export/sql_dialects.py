"""What databases differ in: quotes, types, the range of exp, and what a comparison with a missing value gives.

A constant without an exponent would be a decimal number in DuckDB, and any constant in PostgreSQL, where exp raises an
error if it overflows or underflows. NaN is the largest number there and in DuckDB, and does not exist in SQLite. SQLite
reads a name in double quotes that is not a column as text, so it gets grave accents; and it computes with text as if it
were 0, so that each value is asked for its type.
"""

from typing import NamedTuple

# A decimal number, but not an identifier that begins with 0, such as 007: the same pattern in Python and in SQL.
NUMBER = r"\s*[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"


class Dialect(NamedTuple):
    """Templates of expressions; {} is an expression or a quoted name."""

    name: str
    quote: str  # around identifiers; doubled within
    literal: str  # a float64 constant
    double: str  # a column as float64
    is_finite: str  # whether a column holds a number that is neither NaN nor infinite
    text: str  # a column as text, to be compared character by character
    number_of: str  # {value} by its {text}: the number that it means, or NULL
    level: str  # a number that is compared with it
    exp: str
    largest: str  # of several numbers
    checked: str  # NULL in place of NaN
    longest_name: int | None = None  # in bytes of UTF-8
    ignores_case: bool = False  # of ASCII letters in names


_BOOLEAN = "WHEN lower({text}) IN ('true', 'false') THEN CAST(lower({text}) = 'true' AS INTEGER)"

DIALECTS = {
    each.name: each
    for each in (
        Dialect(
            "duckdb",
            quote='"',
            literal="{}",
            double="CAST({} AS DOUBLE)",
            is_finite="isfinite(CAST({} AS DOUBLE))",
            text="CAST({} AS VARCHAR)",
            number_of=f"CASE {_BOOLEAN} WHEN regexp_full_match({{text}}, '{NUMBER}') "
            "THEN TRY_CAST({text} AS DOUBLE) END",
            level="{}",
            exp="exp({})",
            largest="greatest({})",
            checked="nullif({}, CAST('NaN' AS DOUBLE))",
            ignores_case=True,
        ),
        Dialect(
            "sqlite",
            quote="`",
            literal="{}",
            double="{}",
            is_finite="typeof({0}) IN ('integer', 'real') AND abs({0} * 1e0) < 9e999",
            text="CAST({} AS TEXT) COLLATE BINARY",
            number_of=f"CASE {_BOOLEAN} WHEN ltrim({{text}}, ' +-') GLOB '0[0-9xX]*' THEN NULL ELSE {{value}} END",
            level="CAST({} AS REAL)",  # a type that text, too, is compared with by the number that it means
            exp="exp({})",
            largest="max({})",
            checked="{}",
            ignores_case=True,
        ),
        Dialect(
            "postgres",
            quote='"',
            literal="float8 '{}'",
            double="CAST({} AS float8)",
            is_finite="abs(CAST({} AS float8)) < float8 'Infinity'",
            text='CAST({} AS text) COLLATE "C"',
            number_of=f"CASE {_BOOLEAN} WHEN {{text}} ~ '^({NUMBER})$' THEN CAST({{text}} AS float8) END",
            level="{}",
            exp="exp(least(greatest({}, float8 '-700'), float8 '700'))",
            largest="greatest({})",
            checked="{}",
            longest_name=63,
        ),
    )
}


def number(dialect: Dialect, value: float) -> str:
    """Return a float64 constant that reads back to the bit."""
    text = repr(float(value))
    return dialect.literal.format(text if "e" in text else f"{text}e0")


def identifier(dialect: Dialect, name: str, what: str = "feature") -> str:
    """Return a quoted name; raise ValueError if the database cannot have it."""
    check_characters(name, f"the {what} name")
    if not name:
        raise ValueError(f"a {what} name is empty, and SQL cannot name such a column: rename it.")
    if dialect.longest_name and len(name.encode()) > dialect.longest_name:
        raise ValueError(
            f"the {what} name {name!r} is longer than {dialect.longest_name} bytes, of which {dialect.name} would "
            "ignore the rest: rename it."
        )
    return f"{dialect.quote}{name.replace(dialect.quote, 2 * dialect.quote)}{dialect.quote}"


def text_constant(text: str, what: str) -> str:
    """Return text in quotes; raise ValueError if SQL cannot hold it."""
    check_characters(text, what)
    return "'" + text.replace("'", "''") + "'"


def check_characters(text: str, what: str) -> None:
    """Raise ValueError if text holds NUL, or half a character."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{what} {text!r} holds NUL or a lone surrogate, which SQL cannot write: rename it.")

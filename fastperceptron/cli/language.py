"""Between the languages of the command line and of Python: options as they are typed, and messages about them.

Messages of the library name Python's options, most of them in backticks: `features`, `csv={'delimiter': ';'}`.
"""

import difflib
import re
import shlex
from collections.abc import Sequence
from typing import Any

_OPTIONS = ("class_weight", "max_levels", "max_iter", "batch_size", "n_jobs", "eta0")
_VALUES = (*_OPTIONS, "solver", "loss", "tol", "C", "target", "weight")
_COLUMN_OPTIONS = {"target": "--target", "weight": "--weight", "categorical": "--categorical", "features": "--feature"}
_BOOLEANS = {"true": True, "false": False}
_WHOLE_NUMBERS = ("block_size", "skip_rows", "skip_rows_after_names")
_LISTS = ("null_values", "column_names")


def translate(message: str) -> str:
    """Return a message of the library, on one line, with the options of the command line in place of Python's."""
    text = " ".join(message.split())
    text = re.sub(r"`csv=\{'(\w+)': (.*?)\}`", _csv_option, text)
    text = re.sub(r"`categorical=\[(.*?)\]`", lambda found: f"--categorical {shlex.quote(found[1][1:-1])}", text)
    text = text.replace("Name the columns to learn from (`features`)", "Name the columns to learn from (--feature)")
    text = text.replace("`features`", "--exclude").replace("`max_levels`", "--max-levels")
    text = re.sub(r"dataset\(\.\.\., (\w+)=\.\.\.\)(, or pass \(X, y\))?", r"--\1", text)
    text = re.sub(
        r"^(target|weight|categorical|features)(?=:| has| must)", lambda found: _COLUMN_OPTIONS[found[1]], text
    )
    text = re.sub(r"^csv (?=has no option|is for)", "--csv ", text)
    # Not within quotes, where names and values of the user's data stand.
    values = rf"(?<![\w'\"-])({'|'.join(_VALUES)})=('?)([\w.+-]*[\w+-])\2"
    text = re.sub(values, lambda found: f"{_dashed(found[1])} {found[3]}", text)
    text = re.sub(rf"(?<![\w'\"-])({'|'.join(_OPTIONS)})(?![\w'\"])", lambda found: _dashed(found[1]), text)
    return re.sub(r"(?<=[Ll]ower )C\b|(?<=[Rr]aise )tol\b", lambda found: _dashed(found[0]), text)


def _dashed(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _csv_option(found: re.Match[str]) -> str:
    value = found[2].removeprefix("[").removesuffix("]")
    return f"--csv {found[1]}={value.lower() if value in ('True', 'False') else value}"


def csv_option_values(texts: Sequence[str] | None) -> dict[str, Any] | None:
    r"""Return the `csv` mapping that texts like "delimiter=;" mean; raise ValueError for one of another form.

    Tabs may be written "\t" or "tab"; lists take several values, by repeating the option or with commas;
    "column_types.zip=string" is the type of one column.
    """
    options: dict[str, Any] = {}
    for text in texts or ():
        name, is_given, value = text.partition("=")
        name, dot, column = name.strip().partition(".")
        if not is_given or bool(dot) != (name == "column_types"):
            raise ValueError(
                f"--csv {text}: write name=value, such as delimiter=';', encoding=latin-1, has_header=false or "
                "column_types.zip=string."
            )
        if name == "column_types":
            options.setdefault(name, {})[column] = value
        elif name in _LISTS:
            options.setdefault(name, []).extend(value.split(","))
        elif name in options:
            raise ValueError(f"--csv {name} is given twice: leave one out.")
        else:
            options[name] = _csv_value(name, value)
    return options or None


def _csv_value(name: str, value: str) -> Any:
    if name in _WHOLE_NUMBERS:
        try:
            return int(value)
        except ValueError:
            raise ValueError(f"--csv {name}={value}: write a whole number.") from None
    if value in ("tab", r"\t"):
        return "\t"
    return _BOOLEANS.get(value.lower(), value)


def split_columns(given: Sequence[str], names: Sequence[str], option: str) -> list[str]:
    """Return the columns that the values of an option name: each is one column, or several with commas between.

    `names` are the columns of the table; a column whose own name has a comma is found first. It raises ValueError if a
    column is given twice.
    """
    columns: list[str] = []
    for text in given:
        parts = text.split(",")
        while parts:
            joined = [",".join(parts[:end]) for end in range(len(parts), 0, -1)]
            found = next((each for each in joined if each in names), parts[0])
            columns.append(found if found in names else found.strip())
            parts = parts[found.count(",") + 1 :]
    for name in columns:
        if columns.count(name) > 1:
            raise ValueError(f"{option} names {name!r} twice: leave one out.")
    return columns


def find_columns(given: Sequence[str], names: Sequence[str], option: str) -> list[str]:
    """Return the columns of a table that an option names or numbers; raise ValueError if one does not exist."""
    found = []
    for text in split_columns(given, names, option):
        if text not in names and text.isdigit() and int(text) < len(names):
            found.append(names[int(text)])
            continue
        if text not in names:
            near = difflib.get_close_matches(text, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(map(repr, names[:12]))}."
            raise ValueError(f"{option}: there is no column {text!r}; {hint}")
        found.append(text)
    return found


def class_weight_values(texts: Sequence[str] | None, are_texts: bool) -> Any:
    """Return the class_weight that texts like "balanced" or "yes=2.5" mean; labels are numbers unless `are_texts`."""
    if not texts:
        return None
    if "balanced" in texts:
        if len(texts) > 1:
            if set(texts) == {"balanced"}:
                raise ValueError("--class-weight balanced is given twice: leave one out.")
            raise ValueError("--class-weight balanced stands alone: leave out the other --class-weight.")
        return "balanced"
    weights: dict[Any, float] = {}
    for text in texts:
        label, _, weight = text.rpartition("=")
        try:
            known = _BOOLEANS.get(label.lower())
            key: Any = label if are_texts else float(label) if known is None else known
            value = float(weight)
        except ValueError:
            raise ValueError(f"--class-weight {text}: write 'balanced', or label=weight as in yes=2.5.") from None
        if key in weights:
            raise ValueError(f"--class-weight gives the class {label} twice: leave one out.")
        weights[key] = value
    return weights

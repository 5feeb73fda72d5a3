"""An `Inference` as text, as users of R and statsmodels know it, as HTML for notebooks, and as a frame."""

import html
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastperceptron.uncertainty.result import Inference

HOW = {
    "classical": "classical standard errors",
    "HC0": "robust standard errors (HC0)",
    "HC1": "robust standard errors (HC1)",
    "cluster": "standard errors robust to clusters",
}
BACKENDS = ("pandas", "polars")


def as_text(inference: "Inference") -> str:
    """Return the figures of the model and a table of coefficients."""
    rows = [_headings(inference), *_cells(inference)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    rule = "-" * len(lines[0])
    return "\n".join([_title(inference), rule, lines[0], rule, *lines[1:], rule, *_figures(inference)])


def as_html(inference: "Inference") -> str:
    """Return the same as HTML."""

    def line(cells: list[str], kind: str) -> str:
        shown = (html.escape(cell) for cell in cells)
        return "<tr>" + "".join(f'<{kind} style="text-align: right">{cell}</{kind}>' for cell in shown) + "</tr>"

    body = "".join(line(cells, "td") for cells in _cells(inference))
    figures = "<br>".join(html.escape(each) for each in _figures(inference))
    head = f"<caption>{html.escape(_title(inference))}</caption><thead>{line(_headings(inference), 'th')}</thead>"
    return f"<table>{head}<tbody>{body}</tbody></table><p>{figures}</p>"


def as_frame(table: dict[str, list[Any]], backend: str | None) -> Any:
    """Return columns as a frame of pandas or polars."""
    try:
        import narwhals
    except ModuleNotFoundError as error:
        message = "frames need the package narwhals: pip install 'fastperceptron[files]'"
        raise ModuleNotFoundError(message, name="narwhals") from error
    if backend not in (None, *BACKENDS):
        raise ValueError(f"backend must be one of 'pandas', 'polars' or None, but is {backend!r}.")
    for each in BACKENDS if backend is None else (backend,):
        try:
            return narwhals.from_dict(table, backend=each).to_native()  # type: ignore[arg-type]  # one of its names
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError("frames need pandas or polars: pip install pandas", name=backend or "pandas")


def _title(inference: "Inference") -> str:
    rows = f"{inference.n:,} rows" if isinstance(inference.n, int) else f"rows of weight {inference.n:,.6g}"
    how = HOW[inference.covariance]
    if inference.n_groups is not None:
        how += f" ({inference.n_groups:,} groups)"
    what = f"of class {inference.positive}"
    if inference.reference is not None:
        what = f"of each class against {inference.reference}"
    return f"Log odds {what}: {rows}, {how}"


def _headings(inference: "Inference") -> list[str]:
    tail = (1.0 - inference.level) / 2.0
    return ["", "coef", "std err", "z", "P>|z|", f"[{tail:.4g}", f"{1.0 - tail:.4g}]", "odds ratio"]


def _cells(inference: "Inference") -> list[list[str]]:
    table = inference.table()
    names = ("coef", "standard_error", "z", "p_value", "lower", "upper", "odds_ratio")
    columns = [table[name] for name in names]
    formats = [_number, _number, _two_decimals, probability_text, _number, _number, _number]
    return [
        [name, *(show(value) for show, value in zip(formats, values, strict=True))]
        for name, values in zip(table["name"], zip(*columns, strict=True), strict=True)
    ]


def _figures(inference: "Inference") -> list[str]:
    lines = []
    if not math.isnan(inference.log_likelihood):
        test, tjur = inference.likelihood_ratio_test, f"Tjur R2 {inference.tjur_r2:.4f}, "
        tjur = "" if math.isnan(inference.tjur_r2) else tjur
        lines += [
            f"Log-likelihood {inference.log_likelihood:.6g} (null {inference.null_log_likelihood:.6g}), deviance "
            f"{inference.deviance:.6g} on {inference.df_residual:,.6g} residual degrees of freedom",
            f"Likelihood ratio: chi2({test.df}) = {test.statistic:.5g}, p = {probability_text(test.p_value)}",
            f"McFadden R2 {inference.mcfadden_r2:.4f}, {tjur}AIC {inference.aic:.6g}, BIC {inference.bic:.6g}",
        ]
    return lines + _notes(inference)


def _notes(inference: "Inference") -> list[str]:
    notes = []
    if inference.loss != "log_loss":
        notes.append(f"The loss {inference.loss} has no likelihood: these are errors of the weights of least loss.")
    if not math.isinf(inference.C):
        notes.append(f"With the penalty of C = {inference.C:g}, intervals are those of a posterior mode.")
    if inference.weights == "probability":
        notes.append("Weights are sampling weights: likelihoods are pseudo-likelihoods.")
    if inference.not_determined:
        notes.append(f"Not determined by the data: {', '.join(inference.not_determined)}.")
    if inference.infinite:
        notes.append(f"Without a finite estimate, as classes are separated: {', '.join(inference.infinite)}.")
    return notes


def _number(value: float) -> str:
    return f"{value:.4f}" if 0.1 <= abs(value) < 1e4 else f"{value:.4g}"


def _two_decimals(value: float) -> str:
    return f"{value:.2f}"


def probability_text(value: float) -> str:
    """Return a probability with three decimals, or as a power of ten below a thousandth."""
    return f"{value:.3f}" if not value < 0.001 else f"{value:.1e}" if value > 0 else "<1e-300"

"""Draw the picture of README.md from what test_time_to_optimum.py measured.

Call it as `python bench/picture.py RESULTS.json OUT.png`, where pytest wrote RESULTS.json with --benchmark-json.
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

OURS, THEIRS, READ = "#1b6ca8", "#c8553d", "#7a7a7a"


def measured(path: Path) -> dict[str, tuple[float, float, float]]:
    """Return, for each table, the milliseconds of our fit, of scikit-learn's pipeline and of X @ w."""
    times = {}
    for benchmark in json.loads(path.read_text(encoding="utf-8"))["benchmarks"]:
        if benchmark["group"] != "time-to-optimum":
            continue
        name, values = benchmark["params"]["name"], benchmark["extra_info"]
        ours = next(value for key, value in values.items() if key.startswith(f"{name}: fit, "))
        theirs = ours * values[f"{name}: pipeline / fit"]
        times[name] = ours, theirs, ours / values[f"{name}: fit / X @ w"]
    return times


def draw(times: dict[str, tuple[float, float, float]], out: Path) -> None:
    """Write the picture: a line a table, a logarithmic axis of time."""
    figure, axes = plt.subplots(figsize=(9, 0.5 * len(times) + 1.4), layout="constrained")
    for row, (ours, theirs, read) in enumerate(times.values()):
        axes.plot([ours, theirs], [row, row], color="#d9d9d9", linewidth=3, zorder=1)
        axes.scatter([read], [row], color=READ, marker="|", s=120, zorder=2)
        axes.scatter([ours], [row], color=OURS, s=60, zorder=3)
        axes.scatter([theirs], [row], color=THEIRS, s=60, zorder=3)
        axes.annotate(f"{theirs / ours:.0f} times", (theirs, row), (9, -4), textcoords="offset points", fontsize=9)
    axes.set_yticks(range(len(times)), times)
    axes.set_xscale("log")
    axes.set_xlim(right=axes.get_xlim()[1] * 2.5)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds to the optimum, from raw float32 rows")
    colors = {"one read of the rows: X @ w": READ, "PerceptronClassifier": OURS}
    colors["StandardScaler + LogisticRegression"] = THEIRS
    handles = [axes.scatter([], [], color=color, label=label) for label, color in colors.items()]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.4, 1.12), ncols=3, frameon=False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    draw(measured(Path(sys.argv[1])), Path(sys.argv[2]))

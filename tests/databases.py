"""Runs SQL expressions over a small table in DuckDB, SQLite and PostgreSQL, where they are installed."""

import contextlib
import csv
import getpass
import io
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

Table = dict[str, Sequence[Any]]
SERVERS: list[str] = []  # the folder of the socket of the server that runs
TYPES = {float: "float8", int: "bigint", str: "text", bool: "boolean"}


def selected(dialect: str, table: Table, *expressions: str) -> list[tuple[Any, ...]]:
    """Return the values of expressions in each row of a table, in order; skip where the database is not there."""
    return {"duckdb": _duckdb, "sqlite": _sqlite, "postgres": _postgres}[dialect](table, ", ".join(expressions))


def _duckdb(table: Table, expressions: str) -> list[tuple[Any, ...]]:
    duckdb = pytest.importorskip("duckdb")
    import pyarrow as pa

    with duckdb.connect() as connection:
        connection.register("t", pa.table({name: pa.array(values) for name, values in table.items()}))
        return connection.execute(f"SELECT {expressions} FROM t").fetchall()  # noqa: S608


def _sqlite(table: Table, expressions: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("SELECT exp(1.0)")
        except sqlite3.OperationalError:
            pytest.skip("this SQLite has no mathematical functions")
        connection.execute(f"CREATE TABLE t ({', '.join(_quoted(name) for name in table)})")
        rows = zip(*table.values(), strict=True)
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(table))})", rows)  # noqa: S608
        return connection.execute(f"SELECT {expressions} FROM t").fetchall()  # noqa: S608


def _postgres(table: Table, expressions: str) -> list[tuple[Any, ...]]:
    if not SERVERS:
        pytest.skip("PostgreSQL is not installed")
    types = [TYPES[type(next(value for value in values if value is not None))] for values in table.values()]
    columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in zip(table, types, strict=True))
    rows = "\n".join("\t".join(map(_copied, row)) for row in zip(*table.values(), strict=True))
    script = f"CREATE TEMP TABLE t ({columns});\nCOPY t FROM stdin;\n{rows}\n\\.\nSELECT {expressions} FROM t;\n"
    options = ["-h", SERVERS[0], "-U", "fastperceptron", "-d", "postgres", "--csv", "-tqX", "-v", "ON_ERROR_STOP=1"]
    environment = os.environ | {"PGOPTIONS": "-c client_min_messages=error", "PGCLIENTENCODING": "UTF8"}
    command = ["psql", *options, "-P", "null=\\N"]
    done = subprocess.run(command, input=script.encode(), capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [tuple(map(_read, row)) for row in csv.reader(io.StringIO(done.stdout.decode(), newline=""))]


def _copied(value: Any) -> str:
    text = "\\N" if value is None else repr(value) if isinstance(value, float) else str(value)
    return (
        text
        if value is None
        else "".join({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(c, c) for c in text)
    )


def _read(text: str) -> Any:
    if text == "\\N":
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextlib.contextmanager
def postgres_server() -> Iterator[None]:
    """Run a server of PostgreSQL without a network, if it is installed."""
    programs = [shutil.which(name) for name in ("initdb", "postgres", "psql")]
    if None in programs:
        yield
        return
    user = "nobody" if getpass.getuser() == "root" else None  # the server refuses to run as root
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # sockets have short paths
        Path(folder).chmod(0o777)
        data = f"{folder}/data"
        options = ["-D", data, "-U", "fastperceptron", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run([str(programs[0]), *options], user=user, cwd=folder, check=True, capture_output=True)
        command = [
            str(programs[1]),
            "-D",
            data,
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            "-c",
            "log_min_messages=log",
            "-F",
        ]
        with subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert server.stderr is not None
                for line in server.stderr:
                    if "ready to accept connections" in line:
                        break
                SERVERS.append(folder)
                yield
            finally:
                SERVERS.clear()
                server.terminate()

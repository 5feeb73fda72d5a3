"""Where decoded rows go, and what is said where they cannot; what data sets say that lack something."""

import errno
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastperceptron as fp
from fastperceptron.data import spool


def test_rows_go_to_the_cache_or_where_that_cannot_be_made_to_the_systems_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "cache_root", lambda: tmp_path / "cache")
    assert spool.spool_directory() == tmp_path / "cache"
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(spool, "cache_root", lambda: tmp_path / "file" / "cache")
    assert spool.spool_directory() == Path(tempfile.gettempdir())


@pytest.mark.parametrize(
    ("number", "message"), [(errno.ENOSPC, "no room for decoded rows in"), (errno.EIO, "the disk is broken")]
)
def test_only_a_full_disk_is_called_one(
    number: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def write(self, content: Any) -> int:
            raise OSError(number, "the disk is broken")

        def close(self) -> None:
            pass

    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **_: Broken())
    data = fp.dataset(lambda: iter([(np.eye(2), [0, 1])]), cache_dir=tmp_path)
    with pytest.raises(OSError, match=message) as caught:
        fp.PerceptronClassifier().fit(data)
    assert caught.value.errno == number


def test_what_is_missing_is_said() -> None:
    X, y = fp.synthetic(50, 2, rng=0).arrays()
    frame = pd.DataFrame(X, columns=["a", "b"])
    classifier = fp.PerceptronClassifier().fit(fp.dataset((frame, y)))
    with pytest.raises(ValueError, match="'b' is not among"):
        classifier.predict(fp.dataset((frame.rename(columns={"b": "c"}), y)))
    with pytest.raises(ValueError, match="is expecting 2 features"):
        classifier.predict(fp.dataset(X[:, :1]))
    with pytest.raises(ValueError, match="but the model was trained on 2"):
        classifier.model_.predict(fp.dataset(X[:, :1]))
    for use in (fp.dataset(X).arrays, lambda: classifier.score(fp.dataset(X)), lambda: classifier.fit(fp.dataset(X))):
        with pytest.raises(ValueError, match="this data set has no labels"):
            use()
    with pytest.raises(ValueError, match="y must be None beside a Dataset"):
        fp.train(fp.dataset((X, y)), y)
    with pytest.raises(ValueError, match="X has 1 features, but the model was trained on 2"):
        fp.train(fp.dataset((X[:, :1], y)), initial=fp.train(X, y, steps=10, rng=0))

"""The kernel cache: it is used, never stale, and whatever is wrong with it, results are right."""

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from numba.core import config

import fastperceptron
from fastperceptron.kernels import cache
from fastperceptron.kernels.activation import sigmoid_derivative
from fastperceptron.kernels.jit import jit

pytestmark = pytest.mark.compiled

PROGRAM = """
import numpy as np
from fastperceptron.kernels.activation import sigmoid_derivative
from fastperceptron.kernels.loops import loop_over_one
out = np.empty(3)
loop = loop_over_one(sigmoid_derivative)
loop(np.array([0.0, 0.0, 1.0]), out)
print(out[0], sum(loop.stats.cache_hits.values()))
"""

PROGRAM_WITH_NAMED_TUPLE = """
import numpy as np
from fastperceptron.kernels.steps import DescentState, settle, state_shape
state = DescentState._make([*np.ones(state_shape(1, 3))[0], np.zeros(2, np.int64)])
settle(state, state.weights)
print(state.weights[0], sum(settle.stats.cache_hits.values()))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a copy of the package, which a test may edit, and with its kernels compiled once."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(fastperceptron.__file__).parent, root / "fastperceptron")
    assert run(root) == ("0.25", "0")
    return root


def run(root: Path, cache: Path | None = None, program: str = PROGRAM, *arguments: str) -> tuple[str, ...]:
    """Return the words that a program prints, by default a kernel's result, and how many kernels the cache had."""
    settings = {**os.environ, "PYTHONPATH": str(root), "FASTPERCEPTRON_CACHE_DIR": str(cache or root / "cache")}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=True, cwd=root)
    return tuple(done.stdout.split())


def entries(root: Path) -> list[Path]:
    return sorted((root / "cache").rglob("*.kernel"))


def test_a_second_process_loads_what_the_first_compiled(copy: Path) -> None:
    assert entries(copy)
    assert run(copy) == ("0.25", "1")


def test_a_kernel_that_takes_a_named_tuple_is_loaded_too(copy: Path) -> None:
    assert run(copy, program=PROGRAM_WITH_NAMED_TUPLE) == ("2.0", "0")
    assert run(copy, program=PROGRAM_WITH_NAMED_TUPLE) == ("2.0", "1")


def test_an_edit_in_a_helper_file_is_noticed(copy: Path, tmp_path: Path) -> None:
    root = tmp_path / "edited"
    shutil.copytree(copy, root)
    helper = root / "fastperceptron/kernels/exponential.py"
    source = helper.read_text()
    helper.write_text(
        source.replace("return fma(power, tail, power), fma(power, tail, 1.0 + power)", "return 1.0, 4.0")
    )
    assert helper.read_text() != source
    assert run(root) == ("0.0625", "0")
    helper.write_text(source)
    assert run(root) == ("0.25", "1")


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty directory where kernels of this process are kept from now on."""
    monkeypatch.setenv("FASTPERCEPTRON_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def half(z):
    return sigmoid_derivative(z) / 2


def call_half() -> tuple[float, int]:
    """Compile or load a kernel as another process would; return half(0), and how often it was found in the cache."""
    kernel = jit(types.FunctionType(half.__code__, half.__globals__, "half"))
    return kernel(0.0), sum(kernel.stats.cache_hits.values())


def test_an_edit_is_noticed_wherever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def generation() -> str:
        return cache.generation.__wrapped__()

    kernels = tmp_path / "kernels"
    shutil.copytree(Path(cache.__file__).parent, kernels, ignore=shutil.ignore_patterns("__pycache__"))
    found = [generation()]
    monkeypatch.setattr(cache, "__file__", str(kernels / "cache.py"))
    assert generation() == found[0]
    (kernels / "more").mkdir()
    for file in (kernels / "exponential.py", kernels / "more" / "kernel.py"):
        for code in ("one = 1", "one = 2"):
            file.write_text(code)
            found.append(generation())
    monkeypatch.setattr(cache, "__version__", "9.0")
    found.append(generation())
    assert len(set(found)) == len(found) == 6


@pytest.mark.parametrize("damage", ["truncated", "emptied", "flipped", "foreign"])
def test_a_damaged_file_is_compiled_anew_and_mended(cache_folder: Path, damage: str) -> None:
    assert [call_half(), call_half()] == [(0.125, 0), (0.125, 1)]
    for entry in entries(cache_folder):
        content = bytearray(entry.read_bytes())
        content[len(content) // 2] ^= 1
        kept = {"truncated": len(content) // 2, "emptied": 0, "flipped": len(content), "foreign": 0}[damage]
        entry.write_bytes(bytes(content[:kept]) + (b"cos\nsystem\n" if damage == "foreign" else b""))
    assert [call_half(), call_half()] == [(0.125, 0), (0.125, 1)]


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/null"])
def test_an_unusable_directory_only_costs_the_compilation(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("FASTPERCEPTRON_CACHE_DIR", folder)
    assert [call_half(), call_half()] == [(0.125, 0), (0.125, 0)]


def test_settings_that_change_machine_code_have_entries_of_their_own(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [call_half(), call_half()] == [(0.125, 0), (0.125, 1)]
    for name, value in [("LOOP_VECTORIZE", 0), ("SLP_VECTORIZE", 1), ("CPU_NAME", "generic")]:
        with monkeypatch.context() as patch:
            patch.setattr(config, name, value)
            assert [call_half(), call_half()] == [(0.125, 0), (0.125, 1)]
    assert call_half() == (0.125, 1)


def test_processes_may_start_at_once(copy: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run(copy, tmp_path / "shared"), range(4)))
    assert {result for result, _ in results} == {"0.25"}
    assert run(copy, tmp_path / "shared") == ("0.25", "1")
    assert not [path for path in (tmp_path / "shared").rglob("*") if path.is_file() and path.suffix != ".kernel"]


@pytest.mark.skipif(os.name != "posix", reason="there are no modes")
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
@pytest.mark.parametrize("what", ["folder", "file"])
def test_kernels_that_others_may_have_written_are_not_loaded(
    cache_folder: Path, what: str, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert [call_half(), call_half()] == [(0.125, 0), (0.125, 1)]
    cache._warn_once.cache_clear()
    for entry in entries(cache_folder):
        (entry if what == "file" else entry.parent).chmod(mode)
    assert call_half() == (0.125, 0)
    assert caplog.text.count("others may write to") >= 1


@pytest.mark.skipif(os.name != "posix", reason="there are no owners")
def test_kernels_of_another_user_are_not_loaded(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [call_half(), call_half()] == [(0.125, 0), (0.125, 1)]
    monkeypatch.setattr(cache, "_user", lambda: 12345)
    assert call_half() == (0.125, 0)


@pytest.mark.skipif(os.name != "posix", reason="there are no links")
def test_links_are_not_followed_and_folders_are_the_users_alone(cache_folder: Path) -> None:
    call_half()
    folder = cache.cache_directory()
    assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent)} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in entries(cache_folder)} == {0o600}
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")
    assert call_half() == (0.125, 0)


def test_without_a_home_files_are_kept_with_temporary_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME", "FASTPERCEPTRON_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert cache.cache_root().parent == Path(tempfile.gettempdir())


def zipped(root: Path, name: str, old: str = "", new: str = "", *, compiled: bool = False) -> Path:
    """Write the package to a zip file, as sources or bytecode, with an edit in a kernel; return its path."""
    folder = root / f"{name}-files"
    source = Path(fastperceptron.__file__).parent
    shutil.copytree(source, folder / "fastperceptron", ignore=shutil.ignore_patterns("__pycache__"))
    helper = folder / "fastperceptron/kernels/exponential.py"
    helper.write_text(helper.read_text().replace(old, new))
    if compiled:
        compileall.compile_dir(folder, quiet=1, legacy=True)
        for path in folder.rglob("*.py"):
            path.unlink()
    return Path(shutil.make_archive(str(root / name), "zip", folder))


@pytest.mark.parametrize("compiled", [False, True])
def test_two_zip_files_do_not_share_kernels(tmp_path: Path, compiled: bool) -> None:
    edit = "return fma(power, tail, power), fma(power, tail, 1.0 + power)", "return 1.0, 4.0"
    one, other = zipped(tmp_path, "one", compiled=compiled), zipped(tmp_path, "other", *edit, compiled=compiled)
    results = []
    for path in (one, other, one):
        settings = {**os.environ, "PYTHONPATH": str(path), "FASTPERCEPTRON_CACHE_DIR": str(tmp_path / "cache")}
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=True, cwd=tmp_path)
        results.append(done.stdout.split())
    assert results == [["0.25", "0"], ["0.0625", "0"], ["0.25", "1"]]


BOTH_LOSSES = """
import sys
import numpy as np, fastperceptron as fp
X = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
for loss in sys.argv[1:]:
    model = fp.train(X, X[:, 0] > 0, steps=20, batch_size=8, loss=loss, record_every=None, rng=0)
    print(loss + ":" + model.weights.tobytes().hex())
"""


def train(root: Path, cache: Path, *losses: str) -> set[str]:
    return set(run(root, cache, BOTH_LOSSES, *losses))


@pytest.mark.slow
def test_kernels_compiled_in_two_processes_do_not_mix_in_a_third(copy: Path, tmp_path: Path) -> None:
    # Both processes count Numba's names from 0, as they do when they start at once, and differ in the loss only.
    apart = train(copy, tmp_path / "one", "squared_error") | train(copy, tmp_path / "other", "log_loss")
    assert len(apart) == 2
    shutil.copytree(tmp_path / "one", tmp_path / "both")
    shutil.copytree(tmp_path / "other", tmp_path / "both", dirs_exist_ok=True)
    assert train(copy, tmp_path / "both", "squared_error", "log_loss") == apart
    assert train(copy, tmp_path / "both", "log_loss", "squared_error") == apart

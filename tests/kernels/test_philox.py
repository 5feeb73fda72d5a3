"""The generator of random words beside its authors' known answers, and normals beside the formula in float64."""

import numpy as np
import pytest
from scipy import stats

from fastperceptron.kernels import philox

# Random123's known answers for philox4x32-10: counter, key, words.
ONES, PI = 0xFFFFFFFF, (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (PI, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]


def keys_of(key: tuple[int, int]) -> list[tuple[np.uint64, ...]]:
    pairs = zip(key, (philox.WEYL_0, philox.WEYL_1), strict=True)
    return [tuple(np.uint64(each) for each in philox._keys(np.uint64(part), weyl)) for part, weyl in pairs]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_words_are_the_known_answers(counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]) -> None:
    words = philox._philox(tuple(np.uint64(word) for word in counter), *keys_of(key))
    assert tuple(int(word) for word in words) == expected


def test_words_are_those_of_each_counter() -> None:
    words, first, seed = np.empty((4, 40), np.uint32), (1 << 32) - 20, 0x0123456789ABCDEF
    philox.random_words(np.uint64(first), np.uint64(7), np.uint64(seed), 40, words)
    keys = keys_of((seed & ONES, seed >> 32))
    for k in (0, 19, 20, 39):
        number = first + k
        counter = np.uint64(number & ONES), np.uint64(number >> 32), np.uint64(7), np.uint64(0)
        assert words[:, k].tolist() == [int(word) for word in philox._philox(counter, *keys)]


def made(n: int) -> tuple[np.ndarray, np.ndarray]:
    words, normals = np.empty((4, n), np.uint32), np.empty((2, n), np.float32)
    philox.random_words(np.uint64(0), np.uint64(0), np.uint64(3), n, words)
    words[:2, :6] = [[0, ONES, 0, ONES, 1, 1 << 31], [0, ONES, 1 << 30, 1 << 29, (1 << 29) - 1, 1 << 31]]
    philox.normals(words[0], words[1], normals[0], normals[1])
    return words, normals


def test_normals_are_box_mullers() -> None:
    words, normals = made(500)
    u = (words[0] // 2 + 0.5).astype(np.float32) / 2**31
    radius = np.sqrt(-2 * np.log(u))
    angle = words[1] * (2 * np.pi / 2**32)
    np.testing.assert_allclose(normals, [radius * np.cos(angle), radius * np.sin(angle)], rtol=2e-6, atol=2e-6)
    assert np.abs(normals).max() < 6.7


@pytest.mark.compiled  # a million values
def test_normals_are_normal() -> None:
    normals = made(500_000)[1].astype(np.float64)
    for values in normals:
        assert stats.kstest(values, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(normals)[0, 1]) < 4 / 700
    assert abs(np.corrcoef(normals**2)[0, 1]) < 4 / 700


def test_the_polynomials_interpolate_sine_and_cosine_at_chebyshev_nodes() -> None:
    for coefficients, function in (
        (philox.SINE, lambda t: np.sin(np.pi / 2 * np.sqrt(t)) / np.sqrt(t)),
        (philox.COSINE, lambda t: np.cos(np.pi / 2 * np.sqrt(t))),
    ):
        n = len(coefficients)
        nodes = (1 + np.cos((np.arange(n) + 0.5) * np.pi / n)) / 8
        derived = np.linalg.solve(np.vander(nodes, increasing=True), function(nodes))
        np.testing.assert_allclose(np.array(coefficients, float), derived, rtol=2e-7)

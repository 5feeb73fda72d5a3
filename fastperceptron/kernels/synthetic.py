"""Synthetic rows: standard normals, uniform words and class numbers as functions of the seed and the row number.

Normals of a given width are a sequence of elements, row after row, in pieces of 64 that take 16 counters. Within a
piece the first normals of all counters come first, then the second ones: neighbours in memory are neighbours in the
vector loop, and nothing must be interleaved value by value. Measured 1.6 ns per float32 normal.
"""

import numpy as np

from fastperceptron.kernels.activation import sigmoid
from fastperceptron.kernels.exponential import exp_nonpositive
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.philox import normals, random_words

PIECE, LANES = 64, 16
# Pieces at a time: their words and normals are 16 KB.
PIECES = 32
WORD_TO_UNIT = 2.0**-32


@jit
def _arrange(parts, n_pieces, out):
    """Write parts, as (4, pieces, lanes), to pieces, as (pieces, 4, lanes)."""
    for piece in range(n_pieces):
        for part in range(4):
            for k in range(LANES):
                out[piece, part, k] = parts[part, piece, k]


@jit
def _normal_pieces(first_piece, stream, seed, scratch, out):
    """Write whole pieces of normals; `scratch` is words and normals of PIECES, each also as (4, PIECES, LANES)."""
    words, parts, _, arranged = scratch
    for start in range(0, out.shape[0], PIECES):
        n = min(PIECES, out.shape[0] - start)
        m = n * LANES
        random_words(np.uint64((first_piece + start) * LANES), stream, seed, m, words)
        normals(words[0][:m], words[1][:m], parts[0][:m], parts[1][:m])
        normals(words[2][:m], words[3][:m], parts[2][:m], parts[3][:m])
        _arrange(arranged, n, out[start:])


@jit
def _word_pieces(first_piece, stream, seed, scratch, out):
    words, _, arranged, _ = scratch
    for start in range(0, out.shape[0], PIECES):
        n = min(PIECES, out.shape[0] - start)
        random_words(np.uint64((first_piece + start) * LANES), stream, seed, n * LANES, words)
        _arrange(arranged, n, out[start:])


def _make_kernel(pieces):
    @jit
    def rows_at(places, stream, seed, scratch, covering, out):
        """Write the elements of the rows `places`, of shape (n, width); `covering` has room for one row's pieces."""
        width, (whole, flat) = out.shape[1], covering
        for k in range(places.size):
            first = places[k] * width // PIECE
            n = -(-(places[k] + 1) * width // PIECE) - first
            pieces(first, stream, seed, scratch, whole[:n])
            begin = places[k] * width - first * PIECE
            for j in range(width):
                out[k, j] = flat[begin + j]

    return rows_at


normal_pieces, normals_at = _normal_pieces, _make_kernel(_normal_pieces)
word_pieces, words_at = _word_pieces, _make_kernel(_word_pieces)


@jit
def mix_columns(elements, common, own_share, scales, X):
    """Write scales * (own_share * element + what the row has in common with its other columns)."""
    for row in range(X.shape[0]):
        for column in range(X.shape[1]):
            X[row, column] = scales[column] * (own_share * elements[row, column] + common[row])


@jit
def draw_codes(z, words, codes):
    """Write 1 with probability sigmoid(z), else 0."""
    for row in range(z.size):
        codes[row] = (words[row] + 0.5) * WORD_TO_UNIT < sigmoid(z[row])


@jit
def draw_class_codes(z, words, codes):
    """Write each row's class number, drawn with the probabilities softmax(z); `z`, of shape (n, K), is overwritten."""
    for row in range(z.shape[0]):
        largest, total = z[row, 0], 0.0
        for k in range(1, z.shape[1]):
            largest = max(largest, z[row, k])
        for k in range(z.shape[1]):
            total += exp_nonpositive(z[row, k] - largest)[0]
            z[row, k] = total
        wanted = (words[row] + 0.5) * WORD_TO_UNIT * total
        code = 0
        while code < z.shape[1] - 1 and z[row, code] < wanted:
            code += 1
        codes[row] = code


@jit
def flower_rows(elements, words, shapes, X, codes):
    """Write rows of two clouds, the second where the word is odd; a cloud is two means and a triangular factor."""
    for row in range(X.shape[0]):
        codes[row] = words[row] & np.uint32(1)
        cloud, first, second = shapes[codes[row]], elements[row, 0], elements[row, 1]
        X[row, 0] = cloud[0] + cloud[2] * first
        X[row, 1] = cloud[1] + cloud[3] * first + cloud[4] * second

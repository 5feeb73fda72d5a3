"""Figures of a softmax layer are those of statsmodels' MNLogit: each class against the first."""

import warnings

import numpy as np
import pytest
from numba.core import config
from scipy.sparse import csr_array
from scipy.special import softmax

import fastperceptron as fp
from inferences import COVARIANCES, HAS_SOFTMAX, asked, unpenalised

pytestmark = pytest.mark.skipif(not HAS_SOFTMAX, reason="the classifier has no softmax")

N_ROWS = 90 if config.DISABLE_JIT else 600


def table(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, labels of three overlapping classes and groups."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N_ROWS, 3))
    z = np.column_stack([np.zeros(N_ROWS), X @ [1, -1, 0.5], X @ [-0.5, 0.3, 0]])
    return X, (z + rng.gumbel(size=z.shape)).argmax(axis=1), rng.integers(25, size=N_ROWS)


def textbook(
    classifier: fp.PerceptronClassifier, X: np.ndarray, y: np.ndarray, how: str, groups: np.ndarray
) -> np.ndarray:
    """Return the covariance matrix of the differences from the first class, by class, the intercept first."""
    rows = np.column_stack([np.ones(len(X)), X])
    p = softmax(rows @ np.column_stack([classifier.intercept_, classifier.coef_]).T, axis=1)[:, 1:]
    n, k = len(X), p.shape[1] * rows.shape[1]
    curvatures = p[:, :, None] * np.eye(2) - p[:, :, None] * p[:, None]
    bread = np.linalg.inv(np.einsum("ikm,ia,ib->kamb", curvatures, rows, rows).reshape(k, k))
    if how == "classical":
        return bread
    scores = ((p - (y[:, None] == [1, 2]))[:, :, None] * rows[:, None]).reshape(n, k)
    factor = n / (n - k) if how == "HC1" else 1.0
    if how == "cluster":
        scores = np.array([scores[groups == group].sum(axis=0) for group in np.unique(groups)])
        factor = len(scores) / (len(scores) - 1) * (n - 1) / (n - k)
    return factor * bread @ scores.T @ scores @ bread


@pytest.mark.parametrize("how", COVARIANCES)
def test_the_covariance_is_the_textbooks(how: str) -> None:
    X, y, groups = table()
    classifier = unpenalised(X, y)
    found = fp.inference(classifier, X, y, **asked(how, groups))
    assert found.names == tuple(f"{k}: {name}" for k in (1, 2) for name in ("(Intercept)", "x0", "x1", "x2"))
    assert found.reference == 0
    np.testing.assert_allclose(found.covariance_matrix, textbook(classifier, X, y, how, groups), rtol=1e-8, atol=1e-12)
    assert found.log_likelihood == pytest.approx(np.log(classifier.predict_proba(X)[np.arange(len(y)), y]).sum())
    assert (found.df_model, found.df_residual) == (6, len(y) - 8)


@pytest.mark.parametrize("how", COVARIANCES)
def test_statsmodels_mnlogit(how: str) -> None:
    sm = pytest.importorskip("statsmodels.api")
    X, y, groups = table(1)
    found = fp.inference(unpenalised(X, y), X, y, **asked(how, groups))
    options = {"cov_type": "nonrobust" if how == "classical" else how}
    options |= {"cov_kwds": {"groups": groups}} if how == "cluster" else {}
    theirs = sm.MNLogit(y, sm.add_constant(X)).fit(disp=0, tol=1e-13, **options)
    factor = np.sqrt(len(y) / (len(y) - 8)) if how == "HC1" else 1.0  # their HC1 is HC0
    np.testing.assert_allclose(found.coef, np.asarray(theirs.params).T.ravel(), rtol=1e-6)
    np.testing.assert_allclose(found.standard_error, factor * np.asarray(theirs.bse).T.ravel(), rtol=1e-6)
    assert found.log_likelihood == pytest.approx(theirs.llf, rel=1e-9)
    assert found.likelihood_ratio_test.p_value == pytest.approx(theirs.llr_pvalue, rel=1e-5)
    assert found.bic == pytest.approx(theirs.bic, rel=1e-9)


@pytest.mark.parametrize("how", COVARIANCES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_rows_have_the_figures_of_dense_ones(how: str, n_classes: int) -> None:
    X, y, groups = table()
    X, y = np.where(X > 0.5, X, 0.0), np.minimum(y, n_classes - 1)
    weights = np.random.default_rng(0).integers(4, size=len(y))
    classifier = unpenalised(X, y, weights, C=2.0)
    dense, *others = (
        fp.inference(classifier, *rows, **asked(how, groups))
        for rows in ((X, y, weights), (csr_array(X), y, weights), (fp.dataset((csr_array(X), y, weights)),))
    )
    for sparse in others:
        np.testing.assert_allclose(sparse.covariance_matrix, dense.covariance_matrix, rtol=1e-9, atol=1e-14)
        assert sparse.log_likelihood == pytest.approx(dense.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_class_without_rows_of_weight_has_no_estimate(absent: int) -> None:
    X, y, _ = table()
    weights = (y != absent) * 1.0
    told = f"class {absent} has no rows of weight, so that its coefficients have no estimate"
    weighted = fp.PerceptronClassifier().fit(X, y, weights)
    with pytest.raises(ValueError, match=told):
        fp.inference(weighted, X, y, weights)
    fitted = fp.PerceptronClassifier().fit(X, y)
    with pytest.raises(ValueError, match=told):
        fp.inference(fitted, X[y != absent], y[y != absent])


@pytest.mark.parametrize("how", COVARIANCES)
def test_frequencies_are_repeated_rows(how: str) -> None:
    X, y, groups = table()
    weights = np.random.default_rng(0).integers(4, size=len(y))
    rows = np.repeat(np.arange(len(y)), weights)
    weighted = fp.inference(unpenalised(X, y, weights), X, y, weights, **asked(how, groups))
    repeated = fp.inference(unpenalised(X[rows], y[rows]), X[rows], y[rows], **asked(how, groups[rows]))
    np.testing.assert_allclose(weighted.standard_error, repeated.standard_error, rtol=1e-7)
    assert weighted.aic == pytest.approx(repeated.aic)


@pytest.mark.parametrize("options", [{}, {"standardize": False}, {"fit_intercept": False}])
def test_a_penalty_is_part_of_the_information(options: dict[str, bool]) -> None:
    X, y, _ = table()
    X = X * [1.0, 100.0, 0.01]
    classifier = unpenalised(X, y, C=0.1, **options)
    found = fp.inference(classifier, X, y)
    assert found.distance < 1e-3
    rows = np.column_stack([np.ones(len(X)), X])
    p = classifier.predict_proba(X)
    curvatures = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None]
    units = X.var(axis=0) if options.get("standardize", True) else np.ones(3)
    hessian = np.einsum("ikm,ia,ib->kamb", curvatures, rows, rows)
    for k in range(3):
        hessian[k, range(1, 4), k, range(1, 4)] += units / 0.1
    first = 0 if options.get("fit_intercept", True) else 1
    width = 4 - first
    inverse = np.linalg.pinv(hessian[:, first:][:, :, :, first:].reshape(3 * width, -1), rcond=1e-13, hermitian=True)
    contrasts = np.kron(np.array([[-1, 1, 0], [-1, 0, 1]]), np.eye(width))
    expected = np.sqrt((contrasts @ inverse @ contrasts.T).diagonal())
    np.testing.assert_allclose(found.standard_error, expected, rtol=1e-5)


def test_what_the_data_do_not_determine_is_named() -> None:
    X, y, _ = table()
    flag = np.random.default_rng(1).random(len(y)) < 0.06
    rows = np.column_stack([X, X[:, 0] + X[:, 1], np.ones(len(y)), flag])
    y = np.where(flag, 1, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        classifier = unpenalised(rows, y)
        warnings.simplefilter("always")
        found = fp.inference(classifier, rows, y)
    told = " ".join(str(each.message) for each in caught)
    assert "constant columns: 'x4'" in told
    assert "'x3' is a combination of 'x0', 'x1'" in told
    assert "separated quasi-completely" in told
    assert "1: x5" in found.infinite
    assert np.isnan(found.standard_error[[1, 2, 4, 5]]).all()
    assert np.isfinite(found.standard_error[[0, 3]]).all()


@pytest.mark.compiled
def test_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50_000, 8)), rng.integers(4, size=50_000)
    classifier = unpenalised(X, y, tol=0.01)
    found = set()
    for classifier.n_jobs in (1, 2, 3):
        found.add(fp.inference(classifier, X, y, covariance="HC0").covariance_matrix.tobytes())
    assert len(found) == 1


def test_a_layer_has_no_leverages() -> None:
    X, y, _ = table()
    with pytest.raises(ValueError, match="those of one neuron"):
        fp.inference(unpenalised(X, y), X, y).leverage(X, y)

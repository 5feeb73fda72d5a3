"""PerceptronClassifier and what stands between users and the solvers; scikit-learn lives here and above."""

from fastperceptron.estimator.classifier import PerceptronClassifier as PerceptronClassifier

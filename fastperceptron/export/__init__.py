"""A trained neuron in other forms: ONNX, scikit-learn's own estimators, SQL and JSON; each form is one file.

They take a `Perceptron` by its attributes. kinds.py says how its z become probabilities.
"""

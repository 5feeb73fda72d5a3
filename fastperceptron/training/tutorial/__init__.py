"""fastperceptron.train: the tutorial's gradient descent, one row or one mini-batch per step."""

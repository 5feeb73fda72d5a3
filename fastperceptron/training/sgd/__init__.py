"""solver="sgd": mini-batch gradient descent."""

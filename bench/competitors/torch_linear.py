"""PyTorch's nn.Linear on the CPU: by L-BFGS, and by Adam on mini-batches sliced from the tensors."""

from typing import Any

from bench.competitors import Array, Competitor, Fitted, of_standardised

TOO_SMALL = 1e-14


def _standardised(X: Array, is_double: bool) -> tuple[Any, Any, Any]:
    import torch

    dtype = torch.float64 if is_double else torch.float32
    rows = torch.from_numpy(X).to(dtype)
    means, deviations = rows.mean(0), rows.std(0, correction=0)
    deviations[deviations == 0] = 1
    return (rows - means) / deviations, means, deviations


def _layer_and_loss(rows: Any, y: Array) -> tuple[Any, Any, Any]:
    """Return a layer with one logit for two classes and one per class for more, the labels, and the mean loss."""
    import torch

    n_classes = int(y.max()) + 1
    if n_classes == 2:
        loss_of, labels = torch.nn.BCEWithLogitsLoss(), torch.from_numpy(y).to(rows.dtype)[:, None]
    else:
        loss_of, labels = torch.nn.CrossEntropyLoss(), torch.from_numpy(y).long()
    return torch.nn.Linear(rows.shape[1], 1 if n_classes == 2 else n_classes, dtype=rows.dtype), labels, loss_of


def _fitted(layer: Any, means: Any, deviations: Any) -> Fitted:
    weights, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    return of_standardised(weights, bias, means.double().numpy(), deviations.double().numpy())


def fit_lbfgs(X: Array, y: Array, C: float, max_iter: int, is_double: bool = False) -> Fitted:
    """Minimise the objective over all rows at once."""
    import torch

    rows, means, deviations = _standardised(X, is_double)
    layer, labels, loss_of = _layer_and_loss(rows, y)
    torch.nn.init.zeros_(layer.weight)
    optimizer = torch.optim.LBFGS(
        layer.parameters(),
        max_iter=max_iter,
        line_search_fn="strong_wolfe",
        tolerance_grad=TOO_SMALL,
        tolerance_change=TOO_SMALL,
    )

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of(layer(rows), labels) + layer.weight.square().sum() / (2 * C * len(y))
        loss.backward()
        return loss

    optimizer.step(closure)
    return _fitted(layer, means, deviations)


def fit_adam(X: Array, y: Array, C: float, epochs: int, batch_size: int, learning_rate: float) -> Fitted:
    """Take Adam's steps, whose length falls to zero along a cosine."""
    del C  # without a penalty: noise of the steps is much larger
    import torch

    torch.manual_seed(0)
    rows, means, deviations = _standardised(X, is_double=False)
    layer, labels, loss_of = _layer_and_loss(rows, y)
    optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
    n_steps = epochs * -(-len(y) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for _ in range(epochs):
        for start in range(0, len(y), batch_size):
            part = slice(start, start + batch_size)
            optimizer.zero_grad()
            loss_of(layer(rows[part]), labels[part]).backward()
            optimizer.step()
            schedule.step()
    return _fitted(layer, means, deviations)


COMPETITORS = [
    Competitor(
        "torch L-BFGS",
        "torch",
        fit_lbfgs,
        tuple({"max_iter": steps} for steps in (3, 5, 10, 20, 50, 200))
        + tuple({"max_iter": steps, "is_double": True} for steps in (50, 1000)),
        "torch.optim.LBFGS, line_search_fn='strong_wolfe'; columns standardised by tensor operations",
        "max_iter, dtype; weights start at zero",
        checks_values=False,
        takes_classes=True,
    ),
    Competitor(
        "torch Adam",
        "torch",
        fit_adam,
        tuple(
            {"epochs": epochs, "batch_size": size, "learning_rate": rate}
            for epochs, size, rate in (
                (1, 16_384, 0.1),
                (1, 4096, 0.05),
                (2, 8192, 0.05),
                (1, 1024, 0.02),
                (5, 4096, 0.02),
                (20, 1024, 0.02),
                (100, 1024, 0.05),
            )
        ),
        "torch.optim.Adam; mini-batches by slicing tensors, not by DataLoader, which is far slower on tables",
        "epochs, batch size, learning rate and its cosine schedule; no penalty",
        checks_values=False,
        takes_classes=True,
    ),
]

"""partial_fit: online Newton, which sees each row once and keeps some of them."""

"""solver="newton": a sample gives the start and a preconditioner, exact reads of all rows the rest."""

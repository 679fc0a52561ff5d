"""Phase 0: from matrix multiplication to an MLP that reads handwritten digits."""

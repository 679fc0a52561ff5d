"""Phase 2: scaling laws, memory, parallelism, real multi-process training."""

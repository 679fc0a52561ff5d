"""Phase 4: attention kernels, quantisation, an engine and its server."""

"""The programs of phase 0: train, plot, time."""

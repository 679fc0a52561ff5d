"""The finished building blocks of phase 0: NumPy and the standard library only."""

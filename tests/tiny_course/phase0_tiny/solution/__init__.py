"""The finished code."""

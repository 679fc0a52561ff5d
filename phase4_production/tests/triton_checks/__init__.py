"""Checks of the Triton kernels: files that `test_triton.py` runs in a process of their own.

Whether Triton interprets or compiles is settled when it is imported, once for a process.
"""

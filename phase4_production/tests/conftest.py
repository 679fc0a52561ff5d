"""Test settings of this phase: see `shared/testing.py`."""

from shared.testing import pytest_collection_modifyitems, pytest_configure  # noqa: F401

"""The programs that use the building blocks."""

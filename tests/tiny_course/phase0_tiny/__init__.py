"""A phase of four exercises, for the tests of the machinery."""

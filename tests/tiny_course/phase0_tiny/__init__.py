"""A phase of three exercises, for the tests of the machinery."""

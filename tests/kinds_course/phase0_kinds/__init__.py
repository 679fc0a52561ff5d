"""A phase with an exercise of each kind of object and value."""

"""The finished building blocks: what the exercises ask for, one concept a file."""

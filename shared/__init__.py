"""The course machinery and the small utilities that every phase uses; it imports no phase."""

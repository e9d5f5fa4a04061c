"""This package's own history of its tables."""

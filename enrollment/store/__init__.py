"""The tables of this package and everything that speaks SQL to them; the rest of the package calls these."""

from enrollment.store.connection import Connection, Database, Within, is_unique_violation

__all__ = ["Connection", "Database", "Within", "is_unique_violation"]

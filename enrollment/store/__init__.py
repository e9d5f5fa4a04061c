"""The tables of this package and everything that speaks SQL to them; the rest of the package calls these."""

from enrollment.store.connection import Connection, Database, is_unique_violation

__all__ = ["Connection", "Database", "is_unique_violation"]

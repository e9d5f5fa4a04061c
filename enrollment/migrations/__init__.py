"""The history of this package's tables (Alembic; version table `enrollment_alembic_version`)."""

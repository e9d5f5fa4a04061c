"""The history of this package's tables (Alembic; version table `ca_alembic_version`)."""

"""Deciding whether to believe: signatures, paths, statuses, verdicts. Never imports `ca`: two readings of one RFC."""

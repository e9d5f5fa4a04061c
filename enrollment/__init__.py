"""People, counters and rules: the registry, in-person evidence, the ledger and its caps."""

"""The words that every part of Jitsuin shares: values without I/O, policy or cards."""

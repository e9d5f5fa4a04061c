"""Commands, settings, and the one place where all parts meet."""

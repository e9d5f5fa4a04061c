"""Deciding whether to believe: signatures, paths, statuses, verdicts. Never imports `ca`: two readings of one RFC."""

from pki.compiled import paths

__path__ = paths("verifier", list(__path__))

"""The words that every part of Jitsuin shares: values without I/O, policy or cards."""

from pki.compiled import paths

__path__ = paths("pki", list(__path__))

"""HTTP faces of the servers; each file makes one from given parts."""

from pki.compiled import paths

__path__ = paths("web", list(__path__))

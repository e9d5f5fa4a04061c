"""Issuing and revoking: profiles, key stores, CRLs, OCSP, ceremonies."""

from pki.compiled import paths

__path__ = paths("ca", list(__path__))

"""Issuing and revoking: profiles, key stores, CRLs, OCSP, ceremonies."""

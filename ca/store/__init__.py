"""The tables of this package and all SQL over them; no other folder of `ca` writes a statement."""

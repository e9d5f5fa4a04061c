"""Who looked at whom: an append-only Merkle log for each owner, and proofs that anyone can check."""

"""HTTP faces of the servers; each file makes one from given parts."""

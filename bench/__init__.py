"""Benches: each file measures one thing and prints it."""

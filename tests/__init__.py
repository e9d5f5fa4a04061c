"""Tests: a folder per package, then by kind (vectors, properties, faults, referee, journeys)."""

"""Coverage-guided fuzzing: what it attacks (`card_targets`), how it is run (`run`), and that both still work."""

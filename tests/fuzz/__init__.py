"""Coverage-guided fuzzing: what it attacks (`card_targets`, `log_targets`), how it is run (`run`), and that it works."""

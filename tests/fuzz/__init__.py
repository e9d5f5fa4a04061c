"""Coverage-guided fuzzing: what it attacks (`card_targets`, `log_targets`), how it runs (`run`), and that it works."""

"""Fuzz one target with atheris.

    python -m tests.fuzz.run TARGET [--corpus DIR] [-max_total_time=60] [any option of libFuzzer]

The corpus grows in DIR/TARGET (var/fuzz by default); what broke is left beside it as crash-….
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cardio", "pki", "transparency"]):
    from tests.fuzz import card_targets, log_targets

TARGETS = card_targets.TARGETS | log_targets.TARGETS


def seeds(name: str) -> list[bytes]:
    """Where the search of a target begins."""
    return (card_targets if name in card_targets.TARGETS else log_targets).seeds(name)


def main(arguments: list[str]) -> None:
    name = arguments[1] if len(arguments) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"python -m tests.fuzz.run {{{','.join(TARGETS)}}} [libFuzzer options]")
    options, folder = arguments[2:], Path("var") / "fuzz"
    if options[:1] == ["--corpus"]:
        folder, options = Path(options[1]), options[2:]
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number:03d}").write_bytes(seed)
    options = [f"-artifact_prefix={corpus}/", "-max_len=8192", "-timeout=20", *options]
    atheris.Setup([arguments[0], *options, str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)

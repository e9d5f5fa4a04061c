"""Fuzz one target with atheris.

    pip install atheris
    python -m tests.fuzz.run TARGET [-max_total_time=60] [any option of libFuzzer]

The corpus grows in var/fuzz/TARGET; what broke is left beside it as crash-….
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cardio", "pki"]):
    from tests.fuzz.card_targets import TARGETS, seeds


def main(arguments: list[str]) -> None:
    name = arguments[1] if len(arguments) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"python -m tests.fuzz.run {{{','.join(TARGETS)}}} [libFuzzer options]")
    corpus = Path("var") / "fuzz" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number:03d}").write_bytes(seed)
    options = [f"-artifact_prefix={corpus}/", "-max_len=8192", "-timeout=20", *arguments[2:]]
    atheris.Setup([arguments[0], *options, str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)

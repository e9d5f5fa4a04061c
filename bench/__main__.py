"""All benches, one after the other, each in a process of its own.

    python -m bench [NAME …]        make bench

What each prints is kept in var/bench/NAME.txt. Figures of one run on a shared machine: only ratios within a run count.
"""

import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent
OUT = FOLDER.parent / "var" / "bench"


def names() -> list[str]:
    """The benches: every file here but this one."""
    return sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))


def main(wanted: list[str]) -> int:
    """Run them; the number of those that failed."""
    OUT.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in wanted or names():
        print(f"== {name}", flush=True)
        begun = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-m", f"bench.{name}"], capture_output=True, text=True, check=False, cwd=FOLDER.parent
        )
        (OUT / f"{name}.txt").write_text(ran.stdout, encoding="utf-8")
        print(ran.stdout, end="")
        if ran.returncode:
            failed += 1
            print(ran.stderr, file=sys.stderr)
        print(f"== {name}: {'ok' if not ran.returncode else 'FAILED'}, {time.monotonic() - begun:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

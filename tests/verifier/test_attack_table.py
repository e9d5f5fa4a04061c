"""The table of attacks names tests that exist, and every one of them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "spec-map.md").read_text(encoding="utf-8").partition("## Attacks on the verifier")[2]


def test_every_attack_has_a_test_that_exists() -> None:
    rows = [line for line in TABLE.partition("\n## ")[0].splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) > 30
    for row in rows[1:]:
        file = ""
        named = re.findall(r"`([\w/.]*\.py)?(?:::(\w+))?`", row)
        assert named, row
        for path, test in named:
            file = path or file
            text = (ROOT / file).read_text(encoding="utf-8")
            assert not test or re.search(rf"def {test}\b", text), f"{file}::{test}"

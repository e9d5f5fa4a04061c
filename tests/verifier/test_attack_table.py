"""The tables of attacks and of steps name code and tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "docs" / "spec-map.md").read_text(encoding="utf-8")
TABLE = MAP.partition("## Attacks on the verifier")[2]
LETTERS = [
    *(f"6.1.1 ({letter})" for letter in "abcdeh"),
    *(f"6.1.2 ({letter})" for letter in "abdgk"),
    *(f"6.1.3 {step}" for step in ("(a)(1)", "(a)(2)", "(a)(3)", "(a)(4)", "(b)", "(d)(1)(i)", "(d)(1)(ii)", "(d)(2)")),
    *(f"6.1.3 {step}" for step in ("(d)(3)", "(e)", "(f)")),
    *(f"6.1.4 {step}" for step in ("(a)", "(b)(1)", "(b)(2)", *(f"({letter})" for letter in "cdghijklno"))),
    *(f"6.1.5 ({letter})" for letter in "abcg"),
    *("6.2", "6.3.2", *(f"6.3.3 {step}" for step in ("(b)(1)", "(b)(2)(i)", "(b)(2)(ii)", "(c)", "(d)", "(f)", "(i)"))),
    *(f"RFC 6960 3.2, {number}" for number in range(1, 6)),
    *("RFC 9618", "RFC 5937"),
]


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
            assert not test or re.search(rf"(?:def|class) {test}\b", text), f"{file}::{test}"


def test_every_step_has_its_row_with_code_and_tests_that_exist() -> None:
    table = MAP.partition("### Step by step")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    missing = [step for step in LETTERS if not any(f"{step}" in row.split("|")[1] for row in rows)]
    assert not missing
    for row in rows:
        _, _, code, tests, _ = row.split("|")
        named = re.findall(r"`(verifier/\w+\.py)(?:::([\w.]+))?`", code)
        file = ""
        for path, names in re.findall(r"`([\w/.]*\.py)?((?:::\w+)*)`", tests):
            file = path or file
            named.append((file, names.removeprefix("::").replace("::", ".")))
        assert any(path.startswith("tests/") for path, _ in named), row
        for path, names in named:
            text = (ROOT / path).read_text(encoding="utf-8")
            for name in filter(None, names.split(".")):
                assert re.search(rf"(?:def|class) {name}\b", text), f"{path}::{names}"

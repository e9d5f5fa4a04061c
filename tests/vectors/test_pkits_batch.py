"""PKITS through `jitsuin verify path --batch`, as a judge outside the project would ask."""

import json
from pathlib import Path

import pytest

from cli.verify_path import answers
from tests.vectors import pkits


@pytest.mark.parametrize("pool", [False, True], ids=["exact", "pool"])
def test_every_line_in_order(tmp_path: Path, pool: bool) -> None:
    batch = tmp_path / "cases.jsonl"
    everything = [f"certs/{path.name}" for path in sorted((pkits.FOLDER / "certs").glob("*.crt"))]
    lists = [f"crls/{path.name}" for path in sorted((pkits.FOLDER / "crls").glob("*.crl"))]
    for folder in ("certs", "crls"):
        (tmp_path / folder).symlink_to(pkits.FOLDER / folder)
    with batch.open("w") as lines:
        for case in pkits.cases():
            asked = {
                "id": case.id,
                "anchors": [f"certs/{case.certificates[0]}"],
                "leaf": f"certs/{case.certificates[-1]}",
                "intermediates": everything if pool else [f"certs/{file}" for file in case.certificates[1:-1]],
                "crls": lists if pool else [f"crls/{file}" for file in case.crls],
                "at": pkits.AT.iso(),
                "initial_policies": list(case.initial_policies),
                "require_explicit_policy": case.explicit,
                "inhibit_policy_mapping": case.no_mapping,
                "inhibit_any_policy": case.no_any,
                "revocation": "required",
            }
            lines.write(json.dumps(asked) + "\n")
    found = [json.loads(line) for line in answers(batch, lambda: pkits.AT)]
    assert [answer["id"] for answer in found] == [case.id for case in pkits.cases()]
    for case, answer in zip(pkits.cases(), found, strict=True):
        expected = case.valid and case.id not in pkits.DECLARED
        assert (answer["indication"] == "PASSED") is expected, answer
        if expected:
            assert set(answer["policies"]) == case.policies
            assert answer["path"]
            assert answer["sub_indication"] is None

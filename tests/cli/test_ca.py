"""`jitsuin ca` and `jitsuin ceremony` as people call them, over a real deployment."""

import base64
import csv
import io
import json
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from ca.authorities import self_request
from ca.ceremony import approval_statement
from ca.ceremony_file import parse_ceremony
from ca.intents import key_hash
from ca.profiles import KeyShape
from pki.certificate import Certificate
from pki.instant import Instant
from tests.ca.issuing_world import card_key
from tests.support.service import command


def _run(*arguments: str | Path, status: int = 0) -> str:
    done = subprocess.run(command(*map(str, arguments)), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, done.stderr + done.stdout
    return done.stdout


def _orders(file: Path, number: int) -> list[str]:
    """Orders for made-up people, by a few keys; their idempotency keys."""
    lines = []
    for index in range(number):
        person = index % 4
        lines.append(
            {
                "purpose": "authentication",
                "request": base64.b64encode(self_request(card_key(f"card {person}"))).decode(),
                "municipality": {
                    "code": "13113",
                    "prefecture_roman": "Tokyo-to",
                    "municipality_roman": "Shibuya-ku",
                    "name_ja": "渋谷区",
                },
                "assurance": "in-person",
                "date_of_birth": "1990-02-17",
                "card_id": f"card-{person}",
                "card_not_after": "2040-02-17T14:59:59Z",
                "owner": f"person-{person}",
                "idempotency_key": f"key-{index}",
            }
        )
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return [line["idempotency_key"] for line in lines]  # type: ignore[misc]


def test_a_batch_then_what_is_found(deployment: Path, tmp_path: Path) -> None:
    orders, results = tmp_path / "orders.jsonl", tmp_path / "results.jsonl"
    keys = _orders(orders, 24)
    told = json.loads(
        _run("ca", "issue-batch", deployment, orders, results, "--group", "5", "--processes", "2", "--json")
    )
    assert told == {"issued": 24, "refused": 0, "before": 0}
    outcomes = [json.loads(line) for line in results.read_text().splitlines()]
    assert [one["idempotency_key"] for one in outcomes] == keys
    again = json.loads(_run("ca", "issue-batch", deployment, orders, results, "--json"))
    assert again == {"issued": 0, "refused": 0, "before": 24}
    first = outcomes[0]

    page = json.loads(_run("ca", "search", deployment, "--kind", "authentication", "--limit", "20", "--format", "json"))
    rest = json.loads(
        _run("ca", "search", deployment, "--kind", "authentication", "--after", page["next"], "--format", "json")
    )
    assert len(page["certificates"]) == 20 and len(rest["certificates"]) == 4 and rest["next"] is None
    assert {one["serial"] for one in page["certificates"] + rest["certificates"]} == {
        f"0x{one['serial']}" for one in outcomes
    }
    by_decimal = json.loads(_run("ca", "show", deployment, str(int(first["serial"], 16)), "--json"))
    assert by_decimal["serial"] == f"0x{first['serial']}" and by_decimal["findings"] == []
    assert by_decimal["state"] == "valid"
    pem = _run("ca", "show", deployment, f"0x{first['serial']}", "--pem")
    assert base64.b64decode("".join(pem.splitlines()[1:-1])) == base64.b64decode(first["certificate"])
    assert "no such certificate" not in _run("ca", "search", deployment, "--owner", "person-1")
    _run("ca", "show", deployment, "0x77", status=1)

    rows = list(csv.DictReader(io.StringIO(_run("ca", "export", deployment, "--certificates", tmp_path / "all"))))
    files = {file.name for file in (tmp_path / "all").iterdir()}
    assert files == {f"{row['authority']}-{row['serial'][2:]}.cer" for row in rows}
    assert {row["fingerprint"] for row in rows} == {
        Certificate(file.read_bytes()).fingerprint.hex() for file in (tmp_path / "all").iterdir()
    }
    report = json.loads(_run("ca", "report", deployment, "--json"))
    counted = {(one["authority"], one["kind"]): one["number"] for one in report["certificates"]}
    assert counted["authentication-1", "authentication"] == 24 and report["waiting"] == 0
    assert "authentication-1" in _run("ca", "report", deployment)


def test_a_batch_that_was_killed_goes_on(deployment: Path, tmp_path: Path) -> None:
    orders, results = tmp_path / "orders.jsonl", tmp_path / "results.jsonl"
    keys = _orders(orders, 40)
    process = subprocess.Popen(
        command("ca", "issue-batch", str(deployment), str(orders), str(results), "--group", "2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if results.exists() and results.stat().st_size:
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with results.open("ab") as file:
        file.write(b'{"idempotency_key": "key-39", "cert')  # as a write that was cut short leaves it
    told = json.loads(_run("ca", "issue-batch", deployment, orders, results, "--json"))
    assert told["issued"] + told["before"] == 40 and told["refused"] == 0
    outcomes = [json.loads(line) for line in results.read_text().splitlines()]
    assert [one["idempotency_key"] for one in outcomes] == keys
    found = json.loads(
        _run("ca", "search", deployment, "--kind", "authentication", "--format", "json", "--limit", "99")
    )
    assert {one["serial"][2:] for one in found["certificates"]} == {one["serial"] for one in outcomes}


def test_refused_and_wrong_orders(deployment: Path, tmp_path: Path) -> None:
    orders, results = tmp_path / "orders.jsonl", tmp_path / "results.jsonl"
    _orders(orders, 3)
    lines = orders.read_text().splitlines()
    stolen = {**json.loads(lines[0]), "owner": "thief", "idempotency_key": "stolen"}
    orders.write_text("\n".join([*lines, json.dumps(stolen)]) + "\n")
    told = json.loads(_run("ca", "issue-batch", deployment, orders, results, "--json", status=1))
    assert told == {"issued": 3, "refused": 1, "before": 0}
    assert json.loads(results.read_text().splitlines()[-1])["error"] == "ca.key-already-seen"
    orders.write_text(lines[0] + '\n{"purpose": "signature"}\n')
    document = json.loads(_run("ca", "issue-batch", deployment, orders, tmp_path / "x", "--json", status=1))
    assert "line 2" in document["error"]["why"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--serial", "ff00"),
        ("--kind", "emperor"),
        ("--state", "asleep"),
        ("--after", "nowhere"),
        ("--limit", "5000"),
        ("--limit", "0"),
        ("--fingerprint", "zz"),
        ("--issued-from", "yesterday"),
    ],
)
def test_questions_that_cannot_be_asked(deployment: Path, arguments: tuple[str, str]) -> None:
    done = subprocess.run(
        command("ca", "search", str(deployment), *arguments), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("jitsuin: pki.invalid-value")


def test_a_ceremony_from_review_to_transcript(deployment: Path, tmp_path: Path) -> None:
    people = {name: card_key(f"custodian {name}", KeyShape.P256) for name in ("aoi", "hina")}
    file, transcript = tmp_path / "ceremony.toml", tmp_path / "transcript.json"
    at = Instant(int(time.time())) + timedelta(days=1)  # after the deployment's authorities were founded
    file.write_text(
        f'format = "jitsuin-ceremony-1"\ntitle = "second generation"\nat = {at.iso()}\n'
        "[custodians]\nneeded = 2\n"
        + "".join(
            f'[[custodians.person]]\nname = "{name}"\nkey = "{key_hash(key.public_spki)}"\n'
            for name, key in people.items()
        )
        + '[[step]]\ndo = "next-generation"\nafter = "signature-1"\nvariant = "next"\n'
    )
    shown = json.loads(_run("ceremony", "show", file, "--json"))
    assert shown["sha256"] == parse_ceremony(file.read_bytes()).digest
    options = []
    for name, key in people.items():
        _run("ceremony", "statement", file, name, tmp_path / f"{name}.txt")
        statement = (tmp_path / f"{name}.txt").read_bytes()
        assert statement == approval_statement(shown["sha256"], name)
        (tmp_path / f"{name}.spki").write_bytes(key.public_spki)
        (tmp_path / f"{name}.sig").write_bytes(key.sign(statement))
        options += ["--approval", f"{name}={tmp_path}/{name}.spki,{tmp_path}/{name}.sig"]
    assert "rehearsed, nothing was changed" in _run("ceremony", "run", deployment, file)
    before = json.loads(_run("ca", "report", deployment, "--json"))
    assert len(before["authorities"]) == 2
    _run("ceremony", "run", deployment, file, "--perform", *options, status=1)  # no transcript was named
    _run("ceremony", "run", deployment, file, "--perform", *options[:2], "--transcript", transcript, status=1)
    assert not transcript.exists()
    told = _run("ceremony", "run", deployment, file, "--perform", *options, "--transcript", transcript)
    assert "carried out" in told
    _run("ca", "export", deployment, "--kind", "root", "--certificates", tmp_path / "roots")
    roots = {path.name.rsplit("-", 1)[0]: path for path in (tmp_path / "roots").iterdir()}
    signed = _run(
        "ceremony", "verify", transcript, *(f"--root={name}={path}" for name, path in roots.items()), "--json"
    )
    assert json.loads(signed)["approved_by"] == ["aoi", "hina"]
    states = {
        one["authority"]: one["state"] for one in json.loads(_run("ca", "report", deployment, "--json"))["authorities"]
    }
    assert states == {"authentication-1": "active", "signature-1": "retired", "signature-2": "active"}
    _run("ceremony", "run", deployment, file, "--perform", *options, "--transcript", transcript, status=1)

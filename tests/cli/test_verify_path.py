"""`jitsuin verify path`: the lines it takes and gives, whatever is in them."""

import base64
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.verify_path import answers, app
from pki import der, oids
from pki.instant import Instant
from tests.verifier.path_world import AT, DAY, Ca, alternative_names, authority_key, dns, entry, extension

ROOT, SUB = Ca("Root"), Ca("Sub")
SHORT_RSA = der.sequence(
    der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null()),
    der.bit_string(der.sequence(der.integer(2**1023 + 9), der.integer(65537))),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of a small world: DER, and PEM with a second object behind the first."""

    def pem(label: str, *ders: bytes) -> bytes:
        return b"".join(
            f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()
            for der in ders
        )

    leaf, sub = SUB.leaf(alternative_names(dns("a.example")), serial=7), ROOT.ca(SUB)
    files = {
        "root.der": ROOT.root(),
        "sub.der": sub,
        "leaf.der": leaf,
        "chain.pem": pem("EC PRIVATE KEY", b"secret") + pem("CERTIFICATE", leaf, sub),
        "anchors.pem": pem("CERTIFICATE", Ca("Other").root(), ROOT.root()),
        "crls.pem": b"comment\n" + pem("X509 CRL", ROOT.crl(), SUB.crl()),
        "revoking.crl": SUB.crl(entry(7)),
        "good.ocsp": SUB.answer(7),
        "junk": b"junk",
        "broken.pem": b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    }
    for name, octets in files.items():
        (tmp_path / name).write_bytes(octets)
    return tmp_path


def ask(folder: Path, *cases: object, now: Instant = AT) -> list[dict[str, Any]]:
    batch = folder / "cases.jsonl"
    batch.write_text("".join((case if isinstance(case, str) else json.dumps(case)) + "\n" for case in cases))
    return [json.loads(line) for line in answers(batch, lambda: now)]


def case(**how: object) -> dict[str, object]:
    return {
        "id": "x",
        "anchors": ["root.der"],
        "leaf": "leaf.der",
        "intermediates": ["sub.der"],
        "at": AT.iso(),
        **how,
    }


def test_the_least_that_can_be_asked(folder: Path) -> None:
    (answer,) = ask(folder, {"id": 5, "anchors": ["anchors.pem"], "leaf": "chain.pem"})
    assert answer["id"] == 5
    assert answer["indication"] == "PASSED"
    assert answer["sub_indication"] is None
    assert answer["reason"] == ""
    assert answer["policies"] == []
    assert len(answer["path"]) == 3
    assert answer["millis"] >= 0


def test_at_defaults_to_now(folder: Path) -> None:
    (answer,) = ask(folder, {"id": "x", "anchors": ["anchors.pem"], "leaf": "chain.pem"}, now=AT + 999 * DAY)
    assert answer["sub_indication"] == "EXPIRED" or "expired" in answer["reason"]


def test_status_as_asked(folder: Path) -> None:
    revoking = {"crls": ["crls.pem", "revoking.crl"]}
    found = ask(
        folder,
        case(),
        case(revocation="required"),
        case(revocation="required", crls=["crls.pem"]),
        case(revocation="required", crls=["crls.pem"], ocsp=["good.ocsp"]),
        case(revocation="if-present", **revoking),
        case(revocation="off", **revoking),
    )
    assert [answer["indication"] for answer in found] == [
        "PASSED",
        "INDETERMINATE",
        "PASSED",
        "PASSED",
        "FAILED",
        "PASSED",
    ]
    assert found[4]["sub_indication"] == "REVOKED"


def test_names_as_asked(folder: Path) -> None:
    found = ask(folder, case(name={"dns": "a.example"}), case(name={"dns": "b.example"}), case(name=None))
    assert [answer["indication"] for answer in found] == ["PASSED", "FAILED", "PASSED"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"leaf": "junk"},
        {"anchors": ["junk"]},
        {"intermediates": ["junk"]},
        {"crls": ["junk"]},
        {"ocsp": ["junk"]},
        {"leaf": "broken.pem"},
        {"leaf": "nowhere"},
        {"leaf": "../nowhere\x00"},
        {"leaf": None},
        {"leaf": 5},
        {"anchors": "root.der"},
        {"anchors": [5]},
        {"at": "yesterday"},
        {"at": 5},
        {"initial_policies": ["x"]},
        {"initial_policies": [5]},
        {"initial_policies": "1.2.3"},
        {"require_explicit_policy": "yes"},
        {"revocation": "maybe"},
        {"usage": "cooking"},
        {"usage": 5},
        {"name": {"dns": 5}},
        {"name": {"tel": "1"}},
        {"name": {}},
        {"name": "a.example"},
        {"max_depth": -1},
        {"max_depth": True},
        {"min_rsa_bits": "2048"},
        {"profile": "lax"},
        {"colour": "blue"},
    ],
)
def test_what_cannot_be_read_is_failed_with_a_reason(folder: Path, wrong: dict[str, object]) -> None:
    broken, next_one = ask(folder, case(**wrong), case())
    assert broken["id"] == "x"
    assert broken["indication"] == "FAILED"
    assert broken["reason"]
    assert next_one["indication"] == "PASSED"


@pytest.mark.parametrize(
    "line", ["not JSON", "[]", "5", "null", '{"id": "x"', '{"id": {}}', "[" * 100_000, '{"id": NaN}', '{"id": 1e999}']
)
def test_lines_that_are_no_cases(folder: Path, line: str) -> None:
    broken, next_one = ask(folder, line, case())
    assert broken["indication"] == "FAILED"
    assert next_one["indication"] == "PASSED"


def test_a_field_that_stands_twice_is_not_chosen_from(folder: Path) -> None:
    twice = json.dumps(case()).replace('"leaf": "leaf.der"', '"leaf": "junk", "leaf": "leaf.der"')
    (broken,) = ask(folder, twice)
    assert "twice" in broken["reason"]


def test_what_is_no_file_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for wrong in ("pipe", "/dev/zero", ".", ""):
        broken, next_one = ask(folder, case(leaf=wrong), case())
        assert broken["indication"] == "FAILED"
        assert broken["reason"]
        assert next_one["indication"] == "PASSED"


def test_whatever_an_id_is_it_comes_back(folder: Path) -> None:
    for identifier in ("\ud800", "実", 5, None, ["a", {"b": 1.5}], True):
        line = json.dumps(case(id=identifier))
        batch = folder / "cases.jsonl"
        batch.write_text(f"{line}\n")
        for options in ([], ["--explain"]):
            told = CliRunner().invoke(app, ["--batch", str(batch), *options])
            assert told.exit_code == 0, told.exception
        (answer,) = answers(batch, lambda: AT)
        assert json.loads(answer.encode())["id"] == identifier


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_a_terminal_without_the_characters_of_an_id_ends_nothing(folder: Path, locale: dict[str, str]) -> None:
    batch = folder / "cases.jsonl"
    batch.write_text(json.dumps(case(id="実\ud800")) + "\n" + json.dumps(case()) + "\n")
    for options in ([], ["--explain"]):
        command = [sys.executable, "-m", "cli", "verify", "path", "--batch", str(batch), *options]
        done = subprocess.run(command, capture_output=True, env={**os.environ, **locale}, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(b"PASSED") == 2
        if not options:
            assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["実\ud800", "x"]


def test_a_certificate_that_carries_another_in_its_text_is_not_that_other(folder: Path) -> None:
    """A DER file is DER: the PEM inside must not be what is judged."""
    good = (folder / "chain.pem").read_bytes()
    (folder / "trojan").write_bytes(Ca("Stranger").leaf(extension("1.2.3", b"\n" + good)))
    (answer,) = ask(folder, case(leaf="trojan"))
    assert answer["sub_indication"] == "NO_CERTIFICATE_CHAIN_FOUND"


def test_files_as_other_tools_leave_them(folder: Path) -> None:
    pem = (folder / "chain.pem").read_bytes()
    forms = {
        "mark": b"\xef\xbb\xbf" + pem,
        "crlf": pem.replace(b"\n", b"\r\n"),
        "cr": pem.replace(b"\n", b"\r"),
        "noise": b"Bag Attributes\n  x: y\n-----BEGIN EC PARAMETERS-----\nBgA=\n-----END EC PARAMETERS-----\n  "
        + pem
        + b"x",
    }
    for name, octets in forms.items():
        (folder / name).write_bytes(octets)
        (answer,) = ask(folder, case(leaf=name))
        assert answer["indication"] == "PASSED", (name, answer)


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        ("2026-11-23T09:00:00+09:00", True),
        ("2026-11-23t00:00:00z", True),
        ("2026-11-22T23:59:59.999999999Z", True),
        ("2016-12-31T23:59:60Z", True),
        ("0001-01-01T00:00:00+14:00", False),
        ("20261123T000000Z", False),
        ("2026-W48-1T00:00:00Z", False),
        ("2026-11-23T00:00Z", False),
        ("2026-11-23T00:00:00", False),
        ("2026-11-23T00:00:00+0900", False),
        ("2026-02-30T00:00:00Z", False),
    ],
)
def test_times_are_those_of_rfc_3339(folder: Path, at: str, fits: bool) -> None:
    (answer,) = ask(folder, case(at=at))
    assert ("'at'" in answer["reason"]) is not fits


def test_a_leap_second_is_the_last_second_before_it(folder: Path) -> None:
    (folder / "until").write_bytes(SUB.leaf(end=Instant.parse("2026-11-23T00:59:59Z")))
    found = ask(folder, *(case(leaf="until", at=f"2026-11-23T00:{last}Z") for last in ("59:59", "59:60")))
    assert [answer["indication"] for answer in found] == ["PASSED", "PASSED"]
    (after,) = ask(folder, case(leaf="until", at="2026-11-23T01:00:00Z"))
    assert after["sub_indication"] == "EXPIRED"


def test_a_byte_order_mark_before_the_first_line(folder: Path) -> None:
    batch = folder / "cases.jsonl"
    batch.write_bytes(b"\xef\xbb\xbf" + json.dumps(case(id=1)).encode() + b"\r\n" + json.dumps(case(id=2)).encode())
    assert [json.loads(line)["id"] for line in answers(batch, lambda: AT)] == [1, 2]


def test_no_rsa_key_is_too_short_for_a_caller_who_says_zero(folder: Path) -> None:
    (folder / "short").write_bytes(SUB.issue("leaf", SHORT_RSA, authority_key(SUB.key)))
    found = ask(folder, *(case(leaf="short", **how) for how in ({}, {"min_rsa_bits": 0}, {"min_rsa_bits": 1024})))
    assert [answer["indication"] for answer in found] == ["INDETERMINATE", "PASSED", "PASSED"]


def test_entries_of_a_crl_that_cannot_be_read_fail_the_case(folder: Path) -> None:
    (folder / "bad.crl").write_bytes(SUB.crl(b"\x30\x06\x02\x01\x63\x05\x00\x00"))
    (answer,) = ask(folder, case(crls=["crls.pem", "bad.crl"]))
    assert answer["indication"] == "FAILED"
    assert "CRL" in answer["reason"]


def test_files_with_octets_changed_are_answered(folder: Path) -> None:
    source, cases = random.Random(5), []
    for number in range(300):
        names = {"leaf": "leaf.der", "intermediates": "sub.der", "crls": "revoking.crl", "ocsp": "good.ocsp"}
        which = source.choice(list(names))
        octets = bytearray((folder / names[which]).read_bytes())
        for _ in range(source.choice((1, 3))):
            octets[source.randrange(len(octets))] = source.randrange(256)
        (folder / f"changed-{number}").write_bytes(octets[: source.choice((len(octets), 10, 200))])
        names[which] = f"changed-{number}"
        files = {"crls": [names["crls"]], "ocsp": [names["ocsp"]], "intermediates": [names["intermediates"]]}
        cases.append(case(id=number, leaf=names["leaf"], profile=source.choice(("rfc5280", "strict")), **files))
    found = ask(folder, *cases)
    assert [answer["id"] for answer in found] == list(range(300))
    assert not [answer for answer in found if "could not be judged" in answer["reason"]]
    assert all(answer["reason"] or answer["indication"] == "PASSED" for answer in found)


def test_empty_lines_are_passed_over(folder: Path) -> None:
    assert len(ask(folder, "", case(), "   ")) == 1


def test_the_command_prints_lines_or_explains(folder: Path) -> None:
    batch = folder / "cases.jsonl"
    revoking = case(id="second", revocation="if-present", crls=["crls.pem", "revoking.crl"])
    batch.write_text(json.dumps(case(revocation="required", crls=["crls.pem"])) + "\n" + json.dumps(revoking) + "\nx\n")
    plain = CliRunner().invoke(app, ["--batch", str(batch)])
    assert plain.exit_code == 0
    assert [json.loads(line)["indication"] for line in plain.stdout.splitlines()] == ["PASSED", "FAILED", "FAILED"]
    told = CliRunner().invoke(app, ["--batch", str(batch), "--explain"])
    assert told.exit_code == 0
    assert "x: PASSED" in told.stdout
    assert "RFC 5280 6.1.3" in told.stdout
    assert "NO  RFC 5280 6.1.3 (a)(3)" in told.stdout
    assert "line 3: FAILED" in told.stdout

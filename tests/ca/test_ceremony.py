"""Ceremonies: what is reviewed is what is done, by enough custodians, again after a crash, and in the transcript."""

import base64
import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from sqlalchemy import func, select

from ca import authorities, ceremony, linking
from ca.authorities import self_request
from ca.ceremony import Approval, approval_statement, check_approvals, perform, rehearse, verify_transcript
from ca.ceremony_file import Ceremony, parse_ceremony
from ca.directory import Database, Directory
from ca.errors import ApprovalMissing, CeremonyDiverged, CeremonyFileWrong, ProfileMismatch
from ca.file_key import FileKey
from ca.intents import key_hash
from ca.lint import judge
from ca.profiles import KeyShape
from ca.store.tables import CERTIFICATES, INTENTS
from ca.template import Agreement
from pki import oids
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.ca.issuing_world import World, card_key, make_world, pkilint_findings, private_key

NAMES = ("aoi", "hina", "ren")


def _custodian(name: str) -> FileKey:
    return card_key(f"custodian {name}", KeyShape.P256)


def _text(steps: str, needed: int = 2) -> str:
    people = "".join(
        f'[[custodians.person]]\nname = "{name}"\nkey = "{key_hash(_custodian(name).public_spki)}"\n' for name in NAMES
    )
    return (
        'format = "jitsuin-ceremony-1"\ntitle = "test"\nat = 2026-11-23T01:00:00Z\n'
        f"[custodians]\nneeded = {needed}\n{people}{steps}"
    )


def _approve(parsed: Ceremony, *names: str) -> list[Approval]:
    return [
        Approval(name, _custodian(name).public_spki, _custodian(name).sign(approval_statement(parsed.digest, name)))
        for name in names
    ]


CREATE = '[[step]]\ndo = "create-authority"\npurpose = "signature"\nvariant = "next"\ngeneration = 1\n'
NEXT = '[[step]]\ndo = "next-generation"\nafter = "signature-1"\nvariant = "next"\n'


@pytest.fixture
def world(sqlite_database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, tmp_path, at, random)


def _perform(world: World, parsed: Ceremony, files: Any = None) -> bytes:
    return perform(parsed, _approve(parsed, "aoi", "ren"), world.database, world.keys, world.keys, world.random, files)


def _counts(world: World) -> tuple[int, int]:
    return world.database.read(
        lambda conn: (
            conn.execute(select(func.count()).select_from(INTENTS)).scalar_one(),
            conn.execute(select(func.count()).select_from(CERTIFICATES)).scalar_one(),
        )
    )


def test_an_authority_is_made_as_reviewed_and_its_transcript_signed(
    database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]
) -> None:
    from ca.file_key import FileKeyStore
    from tests.ca.issuing_world import CHEAP

    keys = FileKeyStore.lock(tmp_path / "keys", b"x", random, cost=CHEAP)
    parsed = parse_ceremony(
        _text(CREATE + '[step.parameters]\norganization = "見本"\nocsp_uri = "http://ocsp.example.jp"\n').encode()
    )
    rehearsal = json.loads(rehearse(parsed, database, random, lambda name: b""))
    assert rehearsal["signatures"] == []
    assert json.loads(rehearsal["content"])["rehearsal"] is True
    assert keys.labels() == []
    assert database.read(lambda conn: Directory().all(conn)) == []
    document = perform(parsed, _approve(parsed, "aoi", "hina"), database, keys, keys, random, lambda name: b"")
    (authority,) = database.read(lambda conn: Directory().all(conn))
    assert authority.parameters.organization == "見本" and authority.certificate is not None
    assert authority.validity.not_before == parsed.at
    content = verify_transcript(document, {"signature-1": authority.certificate})
    assert content["approved_by"] == ["aoi", "hina"] and content["file_sha256"] == parsed.digest
    assert base64.b64decode(content["steps"][0]["root"]["der"]) == authority.certificate.der
    again = json.loads(perform(parsed, _approve(parsed, "aoi", "hina"), database, keys, keys, random, lambda name: b""))
    assert json.loads(again["content"])["steps"] == content["steps"]  # a ceremony that is done stays as it is


def test_the_next_generation_is_linked_in_both_directions(world: World, tmp_path: Path) -> None:
    elder = world.authority(Purpose.SIGNATURE)
    leaf = Certificate(world.issue(world.order()).der)
    parsed = parse_ceremony(_text(NEXT).encode())
    before = _counts(world)
    rehearsed = json.loads(json.loads(rehearse(parsed, world.database, world.random, lambda name: b""))["content"])
    assert _counts(world) == before and world.authority(Purpose.SIGNATURE) == elder
    document = _perform(world, parsed)
    younger = world.authority(Purpose.SIGNATURE)
    assert younger.subject == elder.subject and younger.spki != elder.spki
    content = verify_transcript(document, {"signature-1": elder, "signature-2": younger})
    links = {name: Certificate(base64.b64decode(told["der"])) for name, told in content["steps"][0]["links"].items()}
    assert (
        set(links)
        == {"signature-2 by signature-1", "signature-1 by signature-2"}
        == set(rehearsed["steps"][0]["links"])
    )
    new_by_old, old_by_new = links["signature-2 by signature-1"], links["signature-1 by signature-2"]
    for one, issuer in ((new_by_old, elder), (old_by_new, younger)):
        assert judge(one, issuer=issuer, at=parsed.at) == []
        assert pkilint_findings(tmp_path, one.der) == 0
    world.at = parsed.at
    # Whoever trusts only the elder key reaches a leaf of the younger, and the other way round.
    young_leaf = Certificate(world.issue(world.order(request=_p384("young"))).der)
    assert young_leaf.authority_key_identifier == younger.key_identifier
    assert _openssl(tmp_path, elder, [new_by_old], young_leaf, parsed.at) == ""
    assert _openssl(tmp_path, younger, [], young_leaf, parsed.at) == ""
    assert _openssl(tmp_path, elder, [], leaf, parsed.at) == ""
    assert _openssl(tmp_path, elder, [], young_leaf, parsed.at) != ""
    assert (
        verify_transcript(_perform(world, parsed), {"signature-1": elder, "signature-2": younger})["steps"]
        == content["steps"]
    )


def _p384(label: str) -> bytes:
    return self_request(card_key(label, KeyShape.P384))


def _openssl(folder: Path, root: Certificate, between: list[Certificate], leaf: Certificate, at: Instant) -> str:
    paths = {}
    for name, chain in (("root", [root]), ("between", between), ("leaf", [leaf])):
        paths[name] = folder / f"{name}.pem"
        paths[name].write_bytes(b"".join(one.x509.public_bytes(serialization.Encoding.PEM) for one in chain))
    command = ["openssl", "verify", "-x509_strict", "-attime", str(at.seconds), "-CAfile", paths["root"]]
    untrusted = ["-untrusted", paths["between"]] if between else []
    done = subprocess.run([*command, *untrusted, paths["leaf"]], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


class _Crash(Exception):
    pass


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (authorities, "create_generation"),
        (linking, "link"),
        (authorities, "succeed"),
        (ceremony, "_sign_transcript"),
    ],
    ids=["create_generation", "link", "succeed", "sign_transcript"],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_ceremony_cut_short_goes_on_where_it_stopped(
    world: World, owner: Any, name: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = parse_ceremony(_text(NEXT).encode())
    original = getattr(owner, name)

    def crash(*arguments: Any, **named: Any) -> Any:
        if when == "after":
            original(*arguments, **named)
        raise _Crash

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash)
        with pytest.raises(_Crash):
            _perform(world, parsed)
    elder = world.database.read(lambda conn: Directory().get(conn, "signature-1"))
    document = _perform(world, parsed)
    younger = world.authority(Purpose.SIGNATURE)
    assert elder.certificate is not None
    content = verify_transcript(document, {"signature-1": elder.certificate, "signature-2": younger})
    assert len(content["steps"][0]["links"]) == 2
    assert _counts(world) == (8, 8)  # two authorities with responders, the third with its own, two links


def _bridge(shape: KeyShape = KeyShape.P384) -> tuple[Certificate, bytes]:
    private = private_key("bridge", shape)
    name = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"), x509.NameAttribute(NameOID.COMMON_NAME, "Bridge")]
    )
    start = Instant.parse("2026-01-01T00:00:00Z")
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(start.datetime)
        .not_valid_after((start + timedelta(days=3650)).datetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA384())  # type: ignore[arg-type]
    )
    return Certificate(built.public_bytes(serialization.Encoding.DER)), self_request(card_key("bridge", shape))


def test_a_bridge_is_certified_within_what_was_agreed(world: World, tmp_path: Path) -> None:
    bridge, request = _bridge()
    files = {"bridge.cer": bridge.der, "bridge.csr": request}
    step = f"""
[[step]]
do = "cross-certificate"
authority = "signature-1"
certificate = "bridge.cer"
certificate_sha256 = "{bridge.fingerprint.hex()}"
request = "bridge.csr"
not_after = 2029-11-22T14:59:59Z
policies = ["1.3.6.1.4.1.32473.1.1"]
path_length = 1
require_explicit_policy = 0
inhibit_policy_mapping = 1
[[step.mapping]]
ours = "1.3.6.1.4.1.32473.1.1"
theirs = "1.3.6.1.4.1.32473.99.1"
[[step.permitted]]
country = "JP"
organization = "Ministry"
[[step.excluded]]
country = "JP"
organization = "Jitsuin"
"""
    parsed = parse_ceremony(_text(step).encode())
    rehearse(parsed, world.database, world.random, files.__getitem__)
    document = _perform(world, parsed, files.__getitem__)
    root = world.authority(Purpose.SIGNATURE)
    content = verify_transcript(document, {"signature-1": root})
    crossed = Certificate(base64.b64decode(content["steps"][0]["certificate"]["der"]))
    assert (crossed.subject, crossed.spki) == (bridge.subject, bridge.spki)
    assert crossed.validity.not_after.iso() == "2029-11-22T14:59:59Z"
    extensions = crossed.x509.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 1
    constraints = extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical and len(constraints.value.permitted_subtrees or []) == 1
    policy = extensions.get_extension_for_class(x509.PolicyConstraints).value
    assert (policy.require_explicit_policy, policy.inhibit_policy_mapping) == (0, 1)
    assert extensions.get_extension_for_oid(x509.ObjectIdentifier(oids.POLICY_MAPPINGS)).critical
    assert judge(crossed, issuer=root, at=parsed.at) == []
    assert pkilint_findings(tmp_path, crossed.der) == 0
    assert _openssl(tmp_path, root, [], crossed, parsed.at) == ""
    files["bridge.cer"] = root.der
    with pytest.raises(CeremonyDiverged, match="not the reviewed one"):
        _perform(world, parsed, files.__getitem__)


def test_we_can_ask_a_bridge_to_certify_us(world: World, tmp_path: Path) -> None:
    parsed = parse_ceremony(_text('[[step]]\ndo = "cross-request"\nauthority = "signature-1"\n').encode())
    document = _perform(world, parsed)
    root = world.authority(Purpose.SIGNATURE)
    content = verify_transcript(document, {"signature-1": root})
    request = x509.load_der_x509_csr(base64.b64decode(content["steps"][0]["request"]))
    assert request.is_signature_valid
    assert request.subject.public_bytes() == root.subject


def test_link_and_cross_refuse_what_does_not_fit(world: World) -> None:
    request = self_request(world.keys.open("authentication-1"))
    with pytest.raises(ProfileMismatch):
        linking.link(world.database, world.signer, "signature-1", "authentication-1", request, world.at, world.random)
    bridge, bridge_request = _bridge()
    until = world.at + timedelta(days=1)
    for asked, agreement in (
        (self_request(card_key("other", KeyShape.P384)), Agreement(("1.3.6.1.4.1.32473.1.1",))),
        (bridge_request, Agreement(())),
    ):
        with pytest.raises(ProfileMismatch):
            linking.cross_certify(
                world.database, world.signer, "signature-1", bridge, asked, agreement, until, world.at, world.random
            )


def test_too_few_or_wrong_approvals(world: World) -> None:
    parsed = parse_ceremony(_text(NEXT).encode())
    good = _approve(parsed, "aoi")
    other = parse_ceremony(_text(NEXT + "\n").encode())
    stranger = card_key("stranger", KeyShape.P256)
    for wrong in (
        [],
        _approve(parsed, "aoi", "aoi"),
        _approve(other, "hina"),  # another file, were it by one line end
        [Approval("hina", stranger.public_spki, stranger.sign(approval_statement(parsed.digest, "hina")))],
        [Approval("hina", _custodian("aoi").public_spki, good[0].signature)],
        [Approval("hina", _custodian("hina").public_spki, good[0].signature)],
        [Approval("nobody", _custodian("hina").public_spki, good[0].signature)],
        [Approval("hina", b"garbage", b"")],
    ):
        with pytest.raises(ApprovalMissing) as missing:
            perform(parsed, [*good, *wrong], world.database, world.keys, world.keys, world.random, lambda name: b"")
        assert (missing.value.given, missing.value.needed) == (1, 2)
    assert check_approvals(parsed, _approve(parsed, *NAMES)) == NAMES
    assert _counts(world) == (4, 4)


@pytest.mark.parametrize(
    ("steps", "key"),
    [
        ("", "step"),
        ('[[step]]\ndo = "dance"\n', "step[1].do"),
        ('[[step]]\ndo = "end-authority"\n', "step[1].authority"),
        ('[[step]]\ndo = "end-authority"\nauthority = "root"\n', "step[1].authority"),
        (CREATE + "colour = 1\n", "step[1].colour"),
        (CREATE + "[step.parameters]\ncolour = 1\n", "step[1].parameters.colour"),
        (CREATE + "[step.parameters]\npartitions = 0\n", "step[1].parameters."),
        (CREATE + '[step.parameters]\nissuer_and_serial = "yes"\n', "step[1].parameters.issuer_and_serial"),
        (CREATE.replace("next", "best"), "step[1].variant"),
        (CREATE.replace("generation = 1", "generation = 0"), "step[1].generation"),
        (CREATE.replace("generation = 1", "generation = true"), "step[1].generation"),
    ],
)
def test_a_file_that_does_not_say_one_clear_thing(steps: str, key: str) -> None:
    with pytest.raises(CeremonyFileWrong) as wrong:
        parse_ceremony(_text(steps).encode())
    assert wrong.value.key == key


@pytest.mark.parametrize(
    "change",
    [
        ("jitsuin-ceremony-1", "jitsuin-ceremony-2"),
        ("needed = 2", "needed = 1"),
        ("needed = 2", "needed = 4"),
        ('name = "hina"', 'name = "aoi"\n#'),
        ("at = 2026-11-23T01:00:00Z", "at = 2026-11-23T01:00:00"),
        ("at = 2026-11-23T01:00:00Z", 'at = "now"'),
        ('title = "test"', "title = 5"),
        ("[custodians]", "[custodians"),
    ],
)
def test_a_file_whose_head_is_wrong(change: tuple[str, str]) -> None:
    text = _text(CREATE)
    assert change[0] in text
    with pytest.raises(CeremonyFileWrong):
        parse_ceremony(text.replace(*change).replace("#\n", "\n").encode())


def test_the_world_must_be_as_the_file_says(world: World) -> None:
    for steps, what in (
        (CREATE, "other parameters"),
        (CREATE.replace("generation = 1", "generation = 5"), "the generation before it is 1"),
        ('[[step]]\ndo = "end-authority"\nauthority = "signature-7"\n', "unknown-authority"),
    ):
        with pytest.raises(CeremonyDiverged, match=what):
            rehearse(parse_ceremony(_text(steps).encode()), world.database, world.random, lambda name: b"")
    assert _counts(world) == (4, 4)


def test_a_transcript_that_was_changed_is_not_signed(world: World) -> None:
    parsed = parse_ceremony(_text('[[step]]\ndo = "renew-responder"\nauthority = "signature-1"\n').encode())
    document = _perform(world, parsed)
    root, other = world.authority(Purpose.SIGNATURE), world.authority(Purpose.AUTHENTICATION)
    assert verify_transcript(document, {"signature-1": root})["steps"][0]["responder"] == "signature-1-ocsp-2"
    for wrong in (
        document.replace(b"aoi", b"eve"),
        b"{}",
        b"garbage",
        json.dumps({**json.loads(document), "signatures": []}).encode(),
    ):
        with pytest.raises(CeremonyDiverged):
            verify_transcript(wrong, {"signature-1": root})
    for roots in ({}, {"signature-1": other}):
        with pytest.raises(CeremonyDiverged):
            verify_transcript(document, roots)


def test_the_example_is_a_ceremony() -> None:
    example = Path(__file__).parents[2] / "config" / "ceremony.example.toml"
    parsed = parse_ceremony(example.read_bytes())
    assert parsed.needed == 2 and len(parsed.steps) == 2

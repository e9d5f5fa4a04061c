"""CRLs and answers signed ahead, in bulk, beside `openssl ca -gencrl`, in one run.

    python -m bench.crl [ENTRIES]

a full CRL of a million entries out of SQLite, signed and stored, in a process of its own (its peak memory is told)
`openssl ca -gencrl` over the same serials
100,000 P-256 OCSP answers signed ahead on two processes
"""

import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca.crl import CrlPolicy, make_crl
from ca.crl_encoding import Scope, encode_entry
from ca.ocsp import AnswerPolicy
from ca.ocsp_presign import Presigner
from ca.ocsp_response import ResponseEncoder
from ca.profiles import KeyShape
from ca.store.tables import REVOCATIONS
from cli.database import Database
from pki.revocation import Good, Reason
from tests.ca.status_world import AT, AUTHORITY, END, World, key, make_responder, make_root, make_world, name

ANSWERS = 100_000
ROUNDS = 3
PRESIGN_GOAL, CRL_GOAL, PEAK_GOAL, RATIO_GOAL = 5, 2, 300, 5
"""Seconds, seconds, megabytes, times as fast."""
_CHILD = "--make"


def fill(database: Database, world: World, entries: int) -> list[int]:
    """A million revocations; the rows are those that `revoke` would have left."""
    serials = [int.from_bytes(secrets.token_bytes(19)) | 1 << 150 for _ in range(entries)]
    rows = (
        {
            "issuer": world.authority,
            "serial": f"{serial:040x}",
            "at": AT.seconds,
            "reason": 4,
            "invalidity_date": None,
            "cause": "bench",
            "partition": 0,
            "not_after": END.seconds,
            "position": 0,
            "entry_der": encode_entry(serial, AT, Reason.SUPERSEDED),
        }
        for serial in serials
    )
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == 50_000:
            database.transaction(lambda conn: conn.execute(REVOCATIONS.insert(), batch))  # noqa: B023
            batch = []
    if batch:
        database.transaction(lambda conn: conn.execute(REVOCATIONS.insert(), batch))
    return serials


def make(url: str, folder: Path) -> None:
    """In the child: one CRL; prints seconds, processor seconds, octets and the peak of memory in MiB."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from ca.crl import CrlIssuer
    from ca.file_key import FileKey
    from ca.ocsp import Certificate

    root = Certificate((folder / "root.der").read_bytes())
    private = load_pem_private_key((folder / "root.key").read_bytes(), None)
    signer = FileKey("root", KeyShape.RSA_2048, private)  # type: ignore[arg-type]
    identifier = root.key_identifier
    assert identifier is not None
    issuer = CrlIssuer(AUTHORITY, root.subject, identifier, signer)
    database = Database(url)
    begun, used = time.perf_counter(), time.process_time()
    signed = make_crl(database, issuer, Scope(), AT, CrlPolicy())
    took, cost = time.perf_counter() - begun, time.process_time() - used
    # Not getrusage: what it tells begins with the memory of whoever started this process (fork, then exec).
    status = Path("/proc/self/status").read_text("ascii")
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    (folder / "ours.crl").write_bytes(signed.der)
    print(f"{took:.2f} {cost:.2f} {len(signed.der)} {peak:.0f}")
    database.close()


def openssl(folder: Path, serials: list[int]) -> float:
    """Processor seconds of `openssl ca -gencrl`."""
    (folder / "index.txt").write_text(
        "".join(
            f"R\t360101000000Z\t261123000000Z,superseded\t{serial:X}\tunknown\t/CN={serial:X}\n" for serial in serials
        )
    )
    (folder / "index.txt.attr").write_text("unique_subject = no\n")
    (folder / "number").write_text("01\n")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca = x\n[x]\ndatabase = {folder}/index.txt\ncrlnumber = {folder}/number\n"
        "default_md = sha256\ndefault_crl_days = 2\ncrl_extensions = e\n[e]\nauthorityKeyIdentifier = keyid\n"
    )
    line = ["openssl", "ca", "-gencrl", "-config", "ca.cnf", "-cert", "root.pem", "-keyfile", "root.key"]
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*line, "-out", "theirs.pem"], cwd=folder, check=True, capture_output=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime


def presign() -> tuple[float, float]:
    """Seconds and processor seconds for the answers."""
    signer, delegate = key("root", KeyShape.P256), key("delegate", KeyShape.P256)
    root = make_root(signer._private, name("Bench"))
    certificate = make_responder(root, signer._private, delegate._private)
    presigner = Presigner(AUTHORITY, root, ResponseEncoder(certificate, delegate), AnswerPolicy())
    statuses = [(1 << 150 | number, Good()) for number in range(ANSWERS)]
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    count = sum(1 for _ in presigner.sign(statuses, AT, AT + AnswerPolicy().presigned_validity, 2))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert count == ANSWERS
    return time.perf_counter() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(entries: int) -> None:
    presigned, used = presign()
    print(f"{ANSWERS:,} P-256 answers on 2 processes: {presigned:.2f} s, {used:.2f} processor s in the workers")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        url = f"sqlite:///{folder}/bench.db"
        database = Database(url)
        database.migrate()
        world = make_world(database, secrets.token_bytes)
        serials = fill(database, world, entries)
        database.close()
        (folder / "root.der").write_bytes(world.root.der)
        (folder / "root.pem").write_bytes(world.root.x509.public_bytes(Encoding.PEM))
        (folder / "root.key").write_bytes(
            world.signer._private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )
        command = [sys.executable, "-m", "bench.crl", _CHILD, url, str(folder)]
        ours, theirs = [], []
        for _ in range(ROUNDS):
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            ours.append([float(word) for word in told])
            theirs.append(openssl(folder, serials))
        took, cost, size, peak = (median(column) for column in zip(*ours, strict=True))
        checked = subprocess.run(
            ["openssl", "crl", "-inform", "DER", "-in", "ours.crl", "-noout", "-CAfile", "root.pem", "-verify"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if "verify OK" not in checked.stderr:
            sys.exit(f"openssl says {checked.stderr}")
        print(f"CRL of {entries:,} entries from SQLite, {ROUNDS} rounds in turns, medians; openssl verifies ours:")
        print(f"  ours {took:.2f} s, {cost:.2f} processor s, {size / 1e6:.0f} MB, peak {peak:.0f} MiB")
        print(f"  openssl ca -gencrl {median(theirs):.2f} processor s")
        _tell("100,000 answers signed ahead, seconds", presigned, presigned <= PRESIGN_GOAL, f"at most {PRESIGN_GOAL}")
        _tell("CRL, seconds", took, took <= CRL_GOAL, f"at most {CRL_GOAL}")
        megabytes = peak * 2**20 / 1e6
        _tell("CRL, peak of memory in MB", megabytes, megabytes <= PEAK_GOAL, f"at most {PEAK_GOAL}")
        ratio = median(theirs) / cost
        _tell("ratio openssl / ours, processor seconds", ratio, ratio >= RATIO_GOAL, f"at least {RATIO_GOAL}")


def _tell(what: str, found: float, met: bool, goal: str) -> None:
    print(f"{what}: {found:.2f} (goal {goal}: {'met' if met else 'NOT MET'})")


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        sys.exit("not installed: openssl")
    if sys.argv[1:2] == [_CHILD]:
        make(sys.argv[2], Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)

"""Access records: what the log may know of them, and what their holder can prove."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pki.errors import InvalidValue
from pki.instant import Instant
from transparency.entry import AccessRecord, Result, commit
from transparency.errors import BadProof


@pytest.fixture
def record(at: Instant) -> AccessRecord:
    return AccessRecord(
        "5f" * 16, at, "本人確認情報の照会", "転居届の審査", "住民基本台帳", "見本市", "見本郵便局",
        ("name", "address"), "住民基本台帳法第11条", Result.PROVIDED,
    )  # fmt: skip


def test_an_entry_reveals_nothing_and_differs_for_equal_records(
    record: AccessRecord, random: Callable[[int], bytes]
) -> None:
    one, other = commit(record, random), commit(record, random)
    assert one.entry != other.entry
    assert len(one.entry) == len(commit(replace(record, what=("everything",) * 50), random).entry)
    for secret in (record.subject, record.recipient, record.affairs):
        assert secret.encode() not in one.entry
        assert secret not in repr(one)


def test_only_the_very_record_opens_its_entry(record: AccessRecord, random: Callable[[int], bytes]) -> None:
    opening = commit(record, random)
    opening.verify(opening.entry)
    changes: list[dict[str, object]] = [
        {"subject": "6f" * 16}, {"at": Instant(record.at.seconds + 1)}, {"function": "x"}, {"reason": "x"},
        {"affairs": "x"}, {"provider": "x"}, {"recipient": "x"}, {"what": ("name",)}, {"legal_basis": "x"},
        {"result": Result.REFUSED},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(BadProof):
            replace(opening, record=replace(record, **change)).verify(opening.entry)  # type: ignore[arg-type]
    with pytest.raises(BadProof):
        replace(opening, salt=bytes(32)).verify(opening.entry)


def test_a_record_has_all_of_its_fields(record: AccessRecord) -> None:
    for change in ({"reason": ""}, {"what": ()}, {"legal_basis": ""}, {"subject": ""}):
        with pytest.raises(InvalidValue):
            replace(record, **change)

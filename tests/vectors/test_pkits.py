"""All of NIST PKITS, with exact files and with everything in one pool; verdicts and policy sets."""

import pytest

from tests.vectors import pkits
from tests.vectors.pkits import PkitsCase
from verifier.anchors import anchor_of
from verifier.engine_cache import EngineCache
from verifier.evidence import Evidence
from verifier.validator import Result, Validator

CACHE = EngineCache()


def judge(case: PkitsCase, evidence: Evidence) -> Result:
    first, *_, last = case.certificates
    validator = Validator([anchor_of(pkits.certificate(first))], case.inputs, cache=CACHE)
    return validator.validate(pkits.certificate(last), pkits.AT, evidence)


def check(case: PkitsCase, result: Result) -> None:
    if case.id in pkits.DECLARED:
        assert not result.passed
        return
    assert result.passed is case.valid, f"{result.indication} {result.sub_indication} {result.reason}"
    if case.valid:
        assert frozenset(result.policies) == case.policies


def test_the_table_is_whole() -> None:
    assert len(pkits.cases()) == 249
    certificates, crls = pkits.everything()
    assert (len(certificates), len(crls)) == (405, 173)


@pytest.mark.parametrize("case", pkits.cases(), ids=lambda case: case.id)
def test_with_the_very_files(case: PkitsCase) -> None:
    evidence = Evidence(tuple(map(pkits.certificate, case.certificates[1:-1])), tuple(map(pkits.crl, case.crls)))
    check(case, judge(case, evidence))


@pytest.mark.parametrize("case", pkits.cases(), ids=lambda case: case.id)
def test_out_of_one_pool(case: PkitsCase) -> None:
    check(case, judge(case, Evidence(*pkits.everything())))

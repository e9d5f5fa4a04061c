"""The words of a verdict: ETSI EN 319 102-1 V1.3.1, table 5 (main indications) and table 6 (sub-indications)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

URN: Final = "urn:etsi:019102:"


class Indication(StrEnum):
    """What a verification concluded. INDETERMINATE is never shown as FAILED, nor the other way round."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INDETERMINATE = "INDETERMINATE"

    @property
    def urn(self) -> str:
        """The main indication as TS 119 102-2 names it, e.g. `urn:etsi:019102:mainindication:total-passed`."""
        word = self.value.lower()
        return f"{URN}mainindication:{word if self is Indication.INDETERMINATE else 'total-' + word}"


class SubIndication(StrEnum):
    """Why a verification did not pass."""

    # FAILED: these are proofs that the signature is not valid
    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    # INDETERMINATE: more or other information could change the answer
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    POLICY_PROCESSING_ERROR = "POLICY_PROCESSING_ERROR"
    SIGNATURE_POLICY_NOT_AVAILABLE = "SIGNATURE_POLICY_NOT_AVAILABLE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND_NO_POE = "NO_CERTIFICATE_CHAIN_FOUND_NO_POE"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NOT_REVOKED = "OUT_OF_BOUNDS_NOT_REVOKED"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    REVOCATION_OUT_OF_BOUNDS_NO_POE = "REVOCATION_OUT_OF_BOUNDS_NO_POE"
    NO_POE = "NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    # ours: the signature holds, and the recipient asked for more than that
    ASSURANCE_NOT_MET = "ASSURANCE_NOT_MET"

    @property
    def indication(self) -> Indication:
        """The main indication that this one belongs to in a signature's verdict."""
        return Indication.FAILED if self in _PROOFS_OF_FAILURE else Indication.INDETERMINATE

    @property
    def urn(self) -> str:
        """The name in TS 119 102-2, e.g. `urn:etsi:019102:subindication:HASH_FAILURE`; for our own, a name of ours."""
        if self is SubIndication.ASSURANCE_NOT_MET:
            return f"https://jitsuin.example/subindication/{self.value}"
        return f"{URN}subindication:{self.value}"


_PROOFS_OF_FAILURE: Final = frozenset(
    {
        SubIndication.FORMAT_FAILURE,
        SubIndication.HASH_FAILURE,
        SubIndication.SIG_CRYPTO_FAILURE,
        SubIndication.REVOKED,
        SubIndication.EXPIRED,
        SubIndication.NOT_YET_VALID,
    }
)

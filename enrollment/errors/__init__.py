"""What can go wrong while people are registered, seen and counted; one file for each family.

Error (pki)
└── EnrollmentError
    ├── unknown   UnknownPerson · UnknownCounter · UnknownOperator · UnknownApplication · UnknownCard
    │             UnknownMunicipality · UnknownCertificate · UnknownFiling · UnknownEvent · UnknownChannel
    │             NoPolicy
    ├── authority NotYours · NoReceipt · RoleMissing · OperatorNotValid · OutOfScope · NotDesignated
    │             SelfDealing · NotGranted
    ├── state     WrongState · Stale(Retryable) · PlaceTaken(Retryable) · IdempotencyMismatch · AlreadyIssued
    ├── approval  NeedsApproval · SamePerson · ApprovalExpired
    ├── presence  EvidenceTooWeak · EvidenceUsed · NotPresent · NotConfirmed · KioskNeverAnchors
    │             MunicipalDeskNeeded
    ├── ruling    CapReached · LooserPolicy · NotReversible · AlreadyAdopted
    ├── filing    FilingMalformed · FilingRejected · FilingReplayed · FilingVoid · FilingMismatch
    │             NothingChanges · RemoteBlocked · SignatureInvalid · ResidenceUnproven
    ├── card      CertificateEnded · CertificateExpired · CardNotUsable · WrongCard · KeyNotFromCard
    │             ManagementRefused · CardDiffers · NotSignedYet
    ├── care      AlreadyProtected · NotProtected · OutputBlocked · StillCooling
    └── gate      GatewayRefused · Braked · SnapshotDamaged
"""

from enrollment.errors.approval import ApprovalExpired, NeedsApproval, SamePerson
from enrollment.errors.authority import (
    NoReceipt,
    NotDesignated,
    NotGranted,
    NotYours,
    OperatorNotValid,
    OutOfScope,
    RoleMissing,
    SelfDealing,
)
from enrollment.errors.card import (
    CardDiffers,
    CardNotUsable,
    CertificateEnded,
    CertificateExpired,
    KeyNotFromCard,
    ManagementRefused,
    NotSignedYet,
    WrongCard,
)
from enrollment.errors.care import AlreadyProtected, NotProtected, OutputBlocked, StillCooling
from enrollment.errors.filing import (
    FilingMalformed,
    FilingMismatch,
    FilingRejected,
    FilingReplayed,
    FilingVoid,
    NothingChanges,
    RemoteBlocked,
    ResidenceUnproven,
    SignatureInvalid,
)
from enrollment.errors.gate import Braked, GatewayRefused, SnapshotDamaged
from enrollment.errors.presence import (
    EvidenceTooWeak,
    EvidenceUsed,
    KioskNeverAnchors,
    MunicipalDeskNeeded,
    NotConfirmed,
    NotPresent,
)
from enrollment.errors.root import EnrollmentError
from enrollment.errors.ruling import AlreadyAdopted, CapReached, LooserPolicy, NotReversible
from enrollment.errors.state import AlreadyIssued, IdempotencyMismatch, PlaceTaken, Stale, WrongState
from enrollment.errors.unknown import (
    NoPolicy,
    UnknownApplication,
    UnknownCard,
    UnknownCertificate,
    UnknownChannel,
    UnknownCounter,
    UnknownEvent,
    UnknownFiling,
    UnknownMunicipality,
    UnknownOperator,
    UnknownPerson,
)

__all__ = [
    "AlreadyAdopted",
    "AlreadyIssued",
    "AlreadyProtected",
    "ApprovalExpired",
    "Braked",
    "CapReached",
    "CardDiffers",
    "CardNotUsable",
    "CertificateEnded",
    "CertificateExpired",
    "EnrollmentError",
    "EvidenceTooWeak",
    "EvidenceUsed",
    "FilingMalformed",
    "FilingMismatch",
    "FilingRejected",
    "FilingReplayed",
    "FilingVoid",
    "GatewayRefused",
    "IdempotencyMismatch",
    "KeyNotFromCard",
    "KioskNeverAnchors",
    "LooserPolicy",
    "ManagementRefused",
    "MunicipalDeskNeeded",
    "NeedsApproval",
    "NoPolicy",
    "NoReceipt",
    "NotConfirmed",
    "NotDesignated",
    "NotGranted",
    "NotPresent",
    "NotProtected",
    "NotReversible",
    "NotSignedYet",
    "NotYours",
    "NothingChanges",
    "OperatorNotValid",
    "OutOfScope",
    "OutputBlocked",
    "PlaceTaken",
    "RemoteBlocked",
    "ResidenceUnproven",
    "RoleMissing",
    "SamePerson",
    "SelfDealing",
    "SignatureInvalid",
    "SnapshotDamaged",
    "Stale",
    "StillCooling",
    "UnknownApplication",
    "UnknownCard",
    "UnknownCertificate",
    "UnknownChannel",
    "UnknownCounter",
    "UnknownEvent",
    "UnknownFiling",
    "UnknownMunicipality",
    "UnknownOperator",
    "UnknownPerson",
    "WrongCard",
    "WrongState",
]

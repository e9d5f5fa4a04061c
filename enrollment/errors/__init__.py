"""What can go wrong while people are registered, seen and counted; one file for each family.

Error (pki)
└── EnrollmentError
    ├── unknown    UnknownPerson · UnknownCounter · UnknownOperator · UnknownApplication · UnknownCard
    │              UnknownMunicipality · UnknownCertificate · UnknownFiling · UnknownEvent · UnknownChannel
    │              NoPolicy
    ├── authority  NotYours · NoReceipt · RoleMissing · OperatorNotValid · OutOfScope · NotDesignated
    │              SelfDealing · NotGranted
    ├── state      WrongState · Stale(Retryable) · PlaceTaken(Retryable) · IdempotencyMismatch · AlreadyIssued
    │              AlreadyRegistered
    ├── approval   NeedsApproval · SamePerson · ApprovalExpired
    ├── presence   EvidenceTooWeak · EvidenceUsed · NotPresent · NotConfirmed · KioskNeverAnchors
    │              MunicipalDeskNeeded
    ├── ruling     CapReached · LooserPolicy · NotReversible · AlreadyAdopted
    ├── filing     FilingMalformed · FilingRejected (FilingFromFuture) · FilingReplayed · FilingVoid · FilingMismatch
    │              NothingChanges · RemoteBlocked · SignatureInvalid · ResidenceUnproven · FilingTooEarly
    │              FilingTooLate · CodeWrong · LetterOver
    ├── card       CertificateEnded · CertificateExpired · CardNotUsable · WrongCard · KeyNotFromCard
    │              ManagementRefused · CardDiffers · NotSignedYet · PinNotPermitted · PinPermissionUsed
    │              PinPermissionExpired
    ├── care       AlreadyProtected · NotProtected · OutputBlocked · StillCooling
    ├── disclosure UnknownCase · UnknownIncident · AnswerUnfit · SameAnswerer · ScopeUnfit · SlotUnfit
    │              UnknownBooking
    ├── gate       GatewayRefused · GatewayFlooded · Braked · SnapshotDamaged
    └── act        ActNotSigned · ActRefused
"""

from enrollment.errors.act import ActNotSigned, ActRefused
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
    PinNotPermitted,
    PinPermissionExpired,
    PinPermissionUsed,
    WrongCard,
)
from enrollment.errors.care import AlreadyProtected, NotProtected, OutputBlocked, StillCooling
from enrollment.errors.disclosure import (
    AnswerUnfit,
    SameAnswerer,
    ScopeUnfit,
    SlotUnfit,
    UnknownBooking,
    UnknownCase,
    UnknownIncident,
)
from enrollment.errors.filing import (
    CodeWrong,
    FilingFromFuture,
    FilingMalformed,
    FilingMismatch,
    FilingRejected,
    FilingReplayed,
    FilingTooEarly,
    FilingTooLate,
    FilingVoid,
    LetterOver,
    NothingChanges,
    RemoteBlocked,
    ResidenceUnproven,
    SignatureInvalid,
)
from enrollment.errors.gate import Braked, GatewayFlooded, GatewayRefused, SnapshotDamaged
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
from enrollment.errors.state import AlreadyIssued, AlreadyRegistered, IdempotencyMismatch, PlaceTaken, Stale, WrongState
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
    "ActNotSigned",
    "ActRefused",
    "AlreadyAdopted",
    "AlreadyIssued",
    "AlreadyProtected",
    "AlreadyRegistered",
    "AnswerUnfit",
    "ApprovalExpired",
    "Braked",
    "CapReached",
    "CardDiffers",
    "CardNotUsable",
    "CertificateEnded",
    "CertificateExpired",
    "CodeWrong",
    "EnrollmentError",
    "EvidenceTooWeak",
    "EvidenceUsed",
    "FilingMalformed",
    "FilingMismatch",
    "FilingFromFuture",
    "FilingRejected",
    "FilingReplayed",
    "FilingTooEarly",
    "FilingTooLate",
    "FilingVoid",
    "GatewayFlooded",
    "GatewayRefused",
    "IdempotencyMismatch",
    "KeyNotFromCard",
    "KioskNeverAnchors",
    "LetterOver",
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
    "PinNotPermitted",
    "PinPermissionExpired",
    "PinPermissionUsed",
    "PlaceTaken",
    "RemoteBlocked",
    "ResidenceUnproven",
    "RoleMissing",
    "SameAnswerer",
    "SamePerson",
    "ScopeUnfit",
    "SelfDealing",
    "SignatureInvalid",
    "SlotUnfit",
    "SnapshotDamaged",
    "Stale",
    "StillCooling",
    "UnknownApplication",
    "UnknownBooking",
    "UnknownCard",
    "UnknownCase",
    "UnknownCertificate",
    "UnknownChannel",
    "UnknownCounter",
    "UnknownEvent",
    "UnknownFiling",
    "UnknownIncident",
    "UnknownMunicipality",
    "UnknownOperator",
    "UnknownPerson",
    "WrongCard",
    "WrongState",
]

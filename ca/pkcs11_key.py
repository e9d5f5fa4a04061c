"""Private keys in a PKCS#11 token (an HSM; SoftHSM in tests). The only file that knows PKCS#11.

Keys are made on the token and never leave it: that they cannot is asked of the token when a key is made and each time
one is opened. Sessions are pooled; a token that was lost and came back is logged into again, and the operation that met
the loss is repeated (a signature may then have been made twice; it is handed out once).

python-pkcs11 initialises libraries for one thread only (C_Initialize with no arguments), which lets SoftHSM, for one,
do without locks. So the library is taken down once and initialised again with CKF_OS_LOCKING_OK (PKCS #11 v3.0 5.4).
"""

import ctypes
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as answers

from ca.errors import KeyExists, KeyNotProtected, KeyUnavailable, TokenError, WrongPassphrase
from ca.profiles import KeyShape
from pki import der, oids
from pki.algorithms import ALGORITHMS, load_public_key, verify_raw
from pki.errors import Malformed

T = TypeVar("T")

_LOST = (
    answers.DeviceError,
    answers.DeviceRemoved,
    answers.GeneralError,  # SoftHSM's, when the login goes while an object is looked for
    answers.SessionClosed,
    answers.SessionHandleInvalid,
    answers.TokenNotPresent,
    answers.TokenNotRecognised,
    answers.NoSuchToken,
    answers.UserNotLoggedIn,
    answers.ObjectHandleInvalid,
    answers.KeyHandleInvalid,
)
"""Answers after which the token may be back with the next try."""

_CURVES = {KeyShape.P256: (oids.P256, 32, "sha256"), KeyShape.P384: (oids.P384, 48, "sha384")}
_PRIVATE = {
    Attribute.TOKEN: True,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
_MUST_HOLD = {
    **_PRIVATE,
    # What the key was before it was asked: made here, and never for a moment readable.
    Attribute.LOCAL: True,
    Attribute.ALWAYS_SENSITIVE: True,
    Attribute.NEVER_EXTRACTABLE: True,
}


class _InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS: four mutex callbacks (none), flags, reserved."""

    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


_OS_LOCKING_OK = 2
_ALREADY_INITIALIZED = 0x191
_libraries: dict[Path, tuple[Any, int]] = {}
"""Loaded libraries by path, with the process that initialised each: a library's state does not survive a fork."""
_loading = threading.Lock()


def _library(module: Path) -> Any:
    """The library, initialised for threads in this process. Errors: TokenError."""
    with _loading:
        loaded = _libraries.get(module)
        if loaded is not None and loaded[1] == os.getpid():
            return loaded[0]
        try:
            library = loaded[0] if loaded is not None else pkcs11.lib(str(module))
            if loaded is None:
                library.finalize()
        except (answers.PKCS11Error, RuntimeError) as error:
            raise TokenError(_name(error)) from error
        initialize(module)
        _libraries[module] = (library, os.getpid())
        return library


def initialize(module: Path) -> None:
    """C_Initialize for several threads; fine when it was done before. Errors: TokenError."""
    arguments = _InitializeArguments(None, None, None, None, _OS_LOCKING_OK, None)
    code = ctypes.CDLL(str(module)).C_Initialize(ctypes.byref(arguments))
    if code not in (0, _ALREADY_INITIALIZED):
        raise TokenError(f"C_Initialize answered 0x{code:x}")


def _is_lost(error: answers.PKCS11Error) -> bool:
    """Whether the token may be back with the next try. "Not initialized" comes as the bare base class."""
    return isinstance(error, _LOST) or type(error) is answers.PKCS11Error


def _name(error: Exception) -> str:
    return type(error).__name__


@dataclass(slots=True)
class _Session:
    """One open session and the private keys that were found through it, by label."""

    session: Any
    keys: dict[str, Any] = field(default_factory=dict)


class Pkcs11KeyStore:
    """The keys of one token, by label. Several threads may use it at once, each with a session of its own.

    `pin` is the user's PIN; `sessions` is how many sessions are open at most (more users than that wait).
    Errors of every method: TokenError, KeyUnavailable when the token is gone and does not come back.
    """

    def __init__(self, module: Path, token_label: str, pin: str, sessions: int = 4) -> None:
        self._module = module
        self._token_label = token_label
        self._pin = pin
        self._size = sessions
        self._connecting = threading.RLock()
        self._permits = threading.BoundedSemaphore(sessions)
        self._idle: LifoQueue[_Session] = LifoQueue()
        self._generation = 0
        self._process = 0
        self._keeper: Any = None
        self.reconnects = 0
        """How often the token was lost and logged into again: what an operator watches."""
        self._connect()

    def create(self, label: str, shape: KeyShape) -> "Pkcs11Key":
        """Make a key pair on the token. Errors: KeyExists, KeyNotProtected, TokenError for a shape it does not know."""
        if shape is not KeyShape.RSA_2048 and shape not in _CURVES:
            raise TokenError(f"{shape} keys are not made on tokens")

        def make(_held: _Session) -> None:
            # A session of its own that may write; it shares the login of the token's other sessions.
            with self._token().open(rw=True) as writing:
                if _find(writing, label, ObjectClass.PRIVATE_KEY):
                    raise KeyExists(label)
                _generate(writing, label, shape)

        self.use(make, again=False)
        return self.open(label)

    def open(self, label: str) -> "Pkcs11Key":
        """The key of that label, after it showed that it cannot leave the token and that its halves belong together.

        Errors: KeyUnavailable, KeyNotProtected, TokenError.
        """
        shape, spki = self.use(lambda held: _inspect(held.session, label))
        key = Pkcs11Key(self, label, shape, spki)
        challenge = f"jitsuin: are these the two halves of {label}?".encode()
        if not verify_raw(load_public_key(spki), ALGORITHMS[shape.signature_algorithm], key.sign(challenge), challenge):
            raise TokenError(f"public and private key {label} do not belong together")
        return key

    def labels(self) -> list[str]:
        """The labels of all private keys, sorted."""
        return self.use(
            lambda held: sorted(
                {str(key.label) for key in held.session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})}
            )
        )

    def close(self) -> None:
        """Log out and close every idle session. The next use logs in again."""
        with self._connecting:
            self._drop()

    def use(self, work: Callable[[_Session], T], *, again: bool = True) -> T:
        """Run `work` with a session; with `again`, up to twice more after a reconnect if the token was lost on the way.

        Twice, because a loss may be met while another thread is still logging in.
        """
        for last in (False, False, True):
            seen = self._generation
            try:
                return self._once(work)
            except answers.PKCS11Error as error:
                if not _is_lost(error):
                    raise TokenError(_name(error)) from error
                if last:
                    raise KeyUnavailable(self._token_label) from error
                self._reconnect(seen)
                if not again:
                    raise TokenError(_name(error)) from error
        raise KeyUnavailable(self._token_label)

    def _once(self, work: Callable[[_Session], T]) -> T:
        if not self._connected():
            self._reconnect(self._generation)
        with self._session() as held:
            return work(held)

    @contextmanager
    def _session(self) -> Iterator[_Session]:
        with self._permits:
            generation = self._generation
            try:
                held = self._idle.get_nowait()
            except Empty:
                held = _Session(self._token().open())
            try:
                yield held
            except BaseException:
                with suppress(answers.PKCS11Error):
                    held.session.close()
                raise
            if generation == self._generation:
                self._idle.put(held)
            else:
                with suppress(answers.PKCS11Error):
                    held.session.close()

    def _token(self) -> Any:
        return _library(self._module).get_token(token_label=self._token_label)

    def _connect(self) -> None:
        """Log in. One session, the keeper, stays open for it: a token logs out with its last session."""
        try:
            self._keeper = self._token().open(user_pin=self._pin)
        except answers.UserAlreadyLoggedIn:
            self._keeper = self._token().open()  # another store of this process is logged in to the same token
        except (answers.PinIncorrect, answers.PinLenRange, answers.PinInvalid) as error:
            raise WrongPassphrase from error
        except answers.PinLocked as error:
            raise TokenError(_name(error)) from error
        except answers.PKCS11Error as error:
            raise KeyUnavailable(self._token_label) from error
        self._process = os.getpid()

    def _connected(self) -> bool:
        return self._keeper is not None and self._process == os.getpid()

    def _reconnect(self, seen: int) -> None:
        """Forget every session and log in again, unless another thread did so since generation `seen` was met lost."""
        with self._connecting:
            if self._generation != seen and self._connected():
                return
            self._drop()
            self.reconnects += 1
            initialize(self._module)
            self._connect()

    def _drop(self) -> None:
        self._generation += 1
        open_before = [self._keeper] if self._keeper is not None else []
        while True:
            try:
                open_before.append(self._idle.get_nowait().session)
            except Empty:
                break
        self._keeper = None
        if self._process == os.getpid():  # handles of the parent's library mean nothing in a forked child
            for session in reversed(open_before):
                with suppress(answers.PKCS11Error):
                    session.close()
        else:
            self._permits = threading.BoundedSemaphore(self._size)

    def __repr__(self) -> str:
        return f"Pkcs11KeyStore({self._token_label})"


@dataclass(frozen=True, slots=True)
class Pkcs11Key:
    """A private key on a token, by label."""

    store: Pkcs11KeyStore = field(repr=False)
    label: str
    shape: KeyShape
    public_spki: bytes = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The signature, made on the token. Errors: KeyUnavailable, TokenError."""
        return self.store.use(lambda held: self._sign(held, message))

    def _sign(self, held: _Session, message: bytes) -> bytes:
        if self.label not in held.keys:
            found = _find(held.session, self.label, ObjectClass.PRIVATE_KEY)
            if not found:  # a session opened while nobody was logged in does not see private keys
                raise answers.UserNotLoggedIn
            held.keys[self.label] = found[0]
        key = held.keys[self.label]
        if self.shape is KeyShape.RSA_2048:
            return bytes(key.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS))
        _, size, hash_name = _CURVES[self.shape]
        raw = bytes(key.sign(hashlib.new(hash_name, message).digest(), mechanism=Mechanism.ECDSA))
        # The token gives r and s one behind the other; X.509 wants them as a sequence (RFC 3279 2.2.3).
        return der.sequence(der.integer(int.from_bytes(raw[:size])), der.integer(int.from_bytes(raw[size:])))


def _find(session: Any, label: str, kind: ObjectClass) -> list[Any]:
    return list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: label}))


def _one(session: Any, label: str, kind: ObjectClass) -> Any:
    found = _find(session, label, kind)
    if len(found) > 1:
        raise TokenError(f"there are {len(found)} keys {label}")
    if not found:
        raise KeyUnavailable(label)
    return found[0]


def _generate(session: Any, label: str, shape: KeyShape) -> None:
    common: dict[str, Any] = {
        "store": True,
        "label": label,
        "id": hashlib.sha256(label.encode()).digest()[:16],
        "public_template": {Attribute.TOKEN: True, Attribute.VERIFY: True, Attribute.ENCRYPT: False},
        "private_template": _PRIVATE,
    }
    if shape is KeyShape.RSA_2048:
        public, private = session.generate_keypair(KeyType.RSA, 2048, **common)
    else:
        curve = {Attribute.EC_PARAMS: der.oid(_CURVES[shape][0])}
        public, private = session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(**common)
    if len(_find(session, label, ObjectClass.PRIVATE_KEY)) > 1:
        # PKCS#11 has no unique labels: whoever sees two takes its own away again.
        private.destroy()
        public.destroy()
        raise KeyExists(label)


def _inspect(session: Any, label: str) -> tuple[KeyShape, bytes]:
    """Shape and SubjectPublicKeyInfo of a key that is protected as it must be."""
    private = _one(session, label, ObjectClass.PRIVATE_KEY)
    for attribute, wanted in _MUST_HOLD.items():
        try:
            actual = private[attribute]
        except answers.AttributeTypeInvalid:
            actual = None  # a token that does not say is not believed
        if actual is not wanted:
            raise KeyNotProtected(label, f"{attribute.name} is {actual}")
    public = _one(session, label, ObjectClass.PUBLIC_KEY)
    if private[Attribute.KEY_TYPE] is KeyType.RSA:
        modulus = int.from_bytes(public[Attribute.MODULUS])
        exponent = int.from_bytes(public[Attribute.PUBLIC_EXPONENT])
        if modulus.bit_length() != 2048:
            raise KeyUnavailable(label)
        key = der.sequence(der.integer(modulus), der.integer(exponent))
        algorithm = der.sequence(der.oid(oids.RSA_ENCRYPTION), der.null())
        return KeyShape.RSA_2048, der.sequence(algorithm, der.bit_string(key))
    for shape, (curve, _, _) in _CURVES.items():
        if public[Attribute.EC_PARAMS] == der.oid(curve):
            try:
                point = der.read_whole(public[Attribute.EC_POINT]).octets()
            except Malformed:
                point = public[Attribute.EC_POINT]  # some tokens leave the OCTET STRING around the point out
            algorithm = der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(curve))
            return shape, der.sequence(algorithm, der.bit_string(point))
    raise KeyUnavailable(label)

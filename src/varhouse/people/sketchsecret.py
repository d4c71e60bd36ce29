"""The secret that the centres of a federation share, and what is derived from it.

Everything that is keyed goes through HMAC-SHA256 (RFC 2104) under a label of its own, so that
no two uses of the secret can be told from each other, or from chance, without it.
"""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from varhouse.errors import AccessError, InputError, UsageError
from varhouse.files import sync_folder

SECRET_BYTES = 32
"""Random bytes of a secret: 256 bits cannot be guessed."""

_MARK = "varhouse-federation-secret-1"
_FORM = re.compile(rf"{_MARK} ([0-9a-f]{{64,}}) ([0-9a-f]{{8}})\n?")
_LEAST_DISTINCT = 20
"""Distinct values among the bytes of a secret: 32 random ones have fewer once in 1e9."""

_MAKE = "varhouse people secret FILE makes one; give all centres the same file"


def make_secret(path: Path) -> str:
    """Write a new secret, readable by its owner alone, and give its check value.

    Raises
    ------
    UsageError
        If the file is there: a secret is never replaced.
    """
    secret = secrets.token_bytes(SECRET_BYTES)
    text = f"{_MARK} {secret.hex()} {_checksum(secret)}\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(
            f"{path} is there already", "another name; a secret is never replaced"
        ) from error
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    sync_folder(path.absolute().parent)
    return check_value(secret)


def read_secret(path: Path) -> bytes:
    """Read the secret of a federation.

    A file that `make_secret` wrote, or at least 32 random bytes.

    Raises
    ------
    AccessError
        If others than its owner may read it.
    InputError
        If it can be guessed, or was damaged on its way.
    """
    with path.open("rb") as source:
        if os.fstat(source.fileno()).st_mode & 0o077:
            raise AccessError(f"{path}: others may read the secret", f"chmod 600 {path}")
        raw = source.read(1 << 16)
    if raw.startswith(_MARK.encode()):
        found = _FORM.fullmatch(raw.decode("ascii", "replace"))
        secret = bytes.fromhex(found[1]) if found and len(found[1]) % 2 == 0 else b""
        if found is None or found[2] != _checksum(secret):
            raise InputError(f"{path}: the secret is damaged", "copy it again from its maker")
    elif len(raw) < SECRET_BYTES:
        raise InputError(f"{path}: {len(raw)} bytes are no secret, {SECRET_BYTES} are", _MAKE)
    elif re.fullmatch(rb"[\t\n\r\x20-\x7e]*", raw):
        raise InputError(f"{path}: a text can be guessed", _MAKE)
    else:
        secret = raw
    if len(set(secret)) < _LEAST_DISTINCT:
        raise InputError(f"{path}: these bytes are not random", _MAKE)
    return secret


def derive(secret: bytes, label: str) -> bytes:
    """Derive 32 bytes for one use of the secret."""
    return hmac.digest(secret, f"varhouse-sketch-1 {label}".encode(), "sha256")


def check_value(secret: bytes) -> str:
    """Give what tells two secrets apart, and nothing of them: 16 hex digits."""
    return derive(secret, "check").hex()[:16]


def _checksum(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()[:8]

"""Keys as such: made, checked, and told apart by their digests."""

from __future__ import annotations

import hashlib
import secrets

LONGEST_KEY = 512


def new_key() -> str:
    """`mb_` and 32 random bytes, URL-safe."""
    return f"mb_{secrets.token_urlsafe(32)}"


def digest(key: str) -> str:
    """What a tenant compares a key with: its SHA-256, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def checked(key: str) -> str:
    """Raises ValueError, without showing it, for a key that cannot be one."""
    if not key:
        raise ValueError("no key came on standard input")
    if not (key.isascii() and key.isprintable()) or " " in key or len(key) > LONGEST_KEY:
        raise ValueError(f"the key must be of at most {LONGEST_KEY} printable ASCII characters without spaces")
    return key

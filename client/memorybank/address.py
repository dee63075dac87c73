"""Where the tenant is and who asks: from what the client was given, else from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

URL_VARIABLE, KEY_VARIABLE = "MEMORYBANK_URL", "MEMORYBANK_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"
__version__ = "0.1.0"


@dataclass(frozen=True)
class Address:
    url: str
    """With which each request's URL begins; no slash at its end."""
    shown: str
    """As the user wrote it, for messages: no key and no password stand in it."""
    headers: Mapping[str, str]


def address(base_url: str | None, api_key: str | None) -> Address:
    """Raises ValueError for an address that is none, and for a key that no header can carry."""
    given = (os.environ.get(URL_VARIABLE) or DEFAULT_URL) if base_url is None else base_url
    key = os.environ.get(KEY_VARIABLE) if api_key is None else api_key
    headers = {"Accept": "application/json", "User-Agent": f"memorybank-python/{__version__}"}
    if key:
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ValueError("the API key has characters that a header cannot carry")  # which are not shown
        headers["Authorization"] = f"Bearer {key}"
    parts = _parts(given)
    host, path = parts.netloc, parts.path.rstrip("/")
    # Names below .localhost mean this machine (RFC 6761, 6.3), as curl has it; many resolvers do not.
    if parts.scheme == "http" and (parts.hostname or "").endswith(".localhost"):
        headers["Host"], host = parts.netloc, f"127.0.0.1:{parts.port or 80}"
    return Address(f"{parts.scheme}://{host}{path}", f"{parts.scheme}://{parts.netloc}{path}", headers)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 80) > 0
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError(f"{url!r} is no address of a tenant: it must be like https://customer1.example.com")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("the address of a tenant must have no user, query or fragment")
    return parts

"""Who may come in: keys known by their digests, read from a file that may change at any time."""

import asyncio
import hashlib
import hmac
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from memorybank_service.clock import Clock
from memorybank_service.settings import Settings, SettingsError

log = logging.getLogger(__name__)
SCOPES = frozenset({"read", "write", "admin"})
POLL_SECONDS = 0.5


class AccessFileError(Exception):
    """What is wrong with the file, in a clause that names the field."""


@dataclass(frozen=True)
class Key:
    name: str
    digest: bytes
    """SHA-256 of the key, which itself is never kept."""
    scopes: frozenset[str]
    expires_at: float | None = None


@dataclass(frozen=True)
class RateLimit:
    requests_per_second: float
    """0: no limit."""
    burst: int


@dataclass(frozen=True)
class Access:
    keys: Sequence[Key]
    rate_limit: RateLimit

    def find(self, presented: str, now: float) -> Key | None:
        """The unexpired key of this text; takes as long whichever it is, and if it is none."""
        digest = hashlib.sha256(presented.encode()).digest()
        found: Key | None = None
        for key in self.keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        return None if found is None or (found.expires_at is not None and found.expires_at <= now) else found


def parse_access(text: bytes, default_limit: RateLimit) -> Access:
    """Raises AccessFileError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise AccessFileError(f"it is not valid JSON ({error})") from None
    except RecursionError:
        raise AccessFileError("it is nested too deeply") from None
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise AccessFileError("`keys` must be a list")
    keys = [_parse_key(entry, f"keys[{place}]") for place, entry in enumerate(document["keys"])]
    return Access(keys, _parse_limit(document.get("rateLimit"), default_limit))


def _parse_key(entry: Any, where: str) -> Key:
    if not isinstance(entry, Mapping):
        raise AccessFileError(f"`{where}` must be an object")
    name, digest, scopes = entry.get("name"), entry.get("sha256"), entry.get("scopes")
    if not isinstance(name, str) or not name:
        raise AccessFileError(f"`{where}.name` must be a text")
    try:
        decoded = bytes.fromhex(digest if isinstance(digest, str) else "")
    except ValueError:
        decoded = b""
    if len(decoded) != hashlib.sha256().digest_size:
        raise AccessFileError(f"`{where}.sha256` must be 64 hexadecimal digits")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) and scope in SCOPES for scope in scopes):
        raise AccessFileError(f"`{where}.scopes` must be a list of {', '.join(sorted(SCOPES))}")
    return Key(name, decoded, frozenset(scopes), _parse_time(entry.get("expiresAt"), where))


def _parse_time(value: Any, where: str) -> float | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = datetime.min
    if moment.tzinfo is None:
        raise AccessFileError(f"`{where}.expiresAt` must be an RFC 3339 time with its zone")
    return moment.timestamp()


def _parse_limit(value: Any, default: RateLimit) -> RateLimit:
    if value is None:
        return default
    try:
        limit = RateLimit(float(value["requestsPerSecond"]), int(value["burst"]))
    except (TypeError, KeyError, ValueError, OverflowError):
        raise AccessFileError("`rateLimit` must have the numbers `requestsPerSecond` and `burst`") from None
    if not 0 <= limit.requests_per_second < math.inf or limit.burst < 1:
        raise AccessFileError("`rateLimit` must have `requestsPerSecond` of 0 or more and `burst` of 1 or more")
    return limit


class KeyRing:
    """The access that holds now. A file that became unreadable changes nothing, and the log says so."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Raises SettingsError where the first reading fails."""
        self._file, self._clock = settings.access_file, clock
        self._default = RateLimit(settings.rate_limit_rps, settings.rate_limit_burst)
        self._text = b""
        self.open_to_all = settings.access_file is None and settings.api_key is None
        self.access = Access(_given_key(settings.api_key), self._default)
        if self._file is not None:
            try:
                self._text = self._file.read_bytes()
                self.access = parse_access(self._text, self._default)
            except OSError as error:
                raise SettingsError(
                    "ACCESS_FILE", f"{self._file} cannot be read: {error.strerror}", "a readable file"
                ) from None
            except AccessFileError as error:
                raise SettingsError("ACCESS_FILE", f"in {self._file} {error}", "the form of the docs") from None

    def find(self, presented: str) -> Key | None:
        return self.access.find(presented, self._clock())

    async def follow(self) -> None:
        """Takes up every change of the file, if there is one, until it is cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self._file is not None:
                await asyncio.to_thread(self.reload, self._file)

    def reload(self, file: Path) -> None:
        try:
            # By content: a mounted Secret changes by the swap of a link, and within one tick of the clock.
            text = file.read_bytes()
            if text == self._text:
                return
            self._text = text
            self.access = parse_access(text, self._default)
        except OSError as error:
            if self._text:
                log.error("the access file cannot be read; the keys stay as they were", extra={"error": str(error)})
            self._text = b""
        except AccessFileError as error:
            log.error("the access file is wrong; the keys stay as they were", extra={"error": str(error)})
        else:
            log.info("the access file has changed", extra={"keys": [key.name for key in self.access.keys]})


def _given_key(key: str | None) -> list[Key]:
    return [] if key is None else [Key("default", hashlib.sha256(key.encode()).digest(), SCOPES)]

import hashlib
import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memorybank_service.http.access import SCOPES, AccessFileError, KeyRing, RateLimit, parse_access
from memorybank_service.settings import SettingsError, load_settings
from tests.service.manual_clock import ManualClock

LIMIT = RateLimit(50, 100)


def entry(key: str, **rest: object) -> dict[str, object]:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return {"name": key, "sha256": digest, "scopes": ["read"], **rest}


def written(file: Path, *entries: dict[str, object], **rest: object) -> Path:
    file.write_text(json.dumps({"keys": entries, **rest}))
    return file


def ring(file: Path, clock: ManualClock) -> KeyRing:
    return KeyRing(load_settings({"ACCESS_FILE": str(file), "API_KEY": "ignored"}), clock)


def test_the_file_goes_before_the_key_of_the_environment(tmp_path: Path, clock: ManualClock) -> None:
    keys = ring(written(tmp_path / "access.json", entry("one")), clock)
    assert keys.find("ignored") is None
    found = keys.find("one")
    assert found is not None
    assert (found.name, found.scopes) == ("one", frozenset({"read"}))


def test_the_key_of_the_environment_has_every_scope(clock: ManualClock) -> None:
    keys = KeyRing(load_settings({"API_KEY": "k"}), clock)
    found = keys.find("k")
    assert found is not None
    assert found.scopes == SCOPES
    assert keys.find("K") is None
    assert keys.find("") is None


def test_a_key_ends_at_its_time(tmp_path: Path, clock: ManualClock) -> None:
    end = datetime.fromtimestamp(clock() + 60, UTC).isoformat()
    keys = ring(written(tmp_path / "access.json", entry("one", expiresAt=end)), clock)
    assert keys.find("one") is not None
    clock.advance(hours=1)
    assert keys.find("one") is None


def test_a_changed_file_changes_keys_and_rate(tmp_path: Path, clock: ManualClock) -> None:
    file = written(tmp_path / "access.json", entry("one"))
    keys = ring(file, clock)
    assert keys.access.rate_limit == LIMIT
    written(file, entry("two"), rateLimit={"requestsPerSecond": 1, "burst": 2})
    keys.reload(file)
    assert (keys.find("one"), keys.access.rate_limit) == (None, RateLimit(1, 2))
    assert keys.find("two") is not None


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{",
        "[" * 100_000,
        '{"keys": 1}',
        '{"keys": [{"name": "x"}]}',
        '{"keys": [], "rateLimit": {"requestsPerSecond": NaN, "burst": 1}}',
        '{"keys": [], "rateLimit": {"requestsPerSecond": 1, "burst": 1e999}}',
        None,
    ],
)
def test_a_broken_file_keeps_the_old_keys_and_is_reported_once(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture, broken: str | None
) -> None:
    file = written(tmp_path / "access.json", entry("one"))
    keys = ring(file, clock)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)
    with caplog.at_level(logging.ERROR):
        keys.reload(file)
        keys.reload(file)
    assert keys.find("one") is not None
    assert len(caplog.records) == 1
    written(file, entry("two"))
    keys.reload(file)
    assert keys.find("two") is not None


def test_a_file_that_cannot_be_used_at_the_start_is_one_line(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(SettingsError, match=r"ACCESS_FILE: .* cannot be read"):
        ring(tmp_path / "none.json", clock)
    with pytest.raises(SettingsError, match=r"ACCESS_FILE: .*scopes"):
        ring(written(tmp_path / "access.json", entry("one", scopes=["root"])), clock)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"sha256": "abc"}, "keys[0].sha256"),
        ({"sha256": 5}, "keys[0].sha256"),
        ({"name": ""}, "keys[0].name"),
        ({"scopes": "read"}, "keys[0].scopes"),
        ({"scopes": [["read"]]}, "keys[0].scopes"),
        ({"expiresAt": "tomorrow"}, "keys[0].expiresAt"),
        ({"expiresAt": "2030-01-01T00:00:00"}, "keys[0].expiresAt"),
    ],
)
def test_the_field_that_is_wrong_is_named(changed: dict[str, object], field: str) -> None:
    text = json.dumps({"keys": [{**entry("one"), **changed}]}).encode()
    with pytest.raises(AccessFileError) as caught:
        parse_access(text, LIMIT)
    assert f"`{field}`" in str(caught.value)

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from memorybank_service.memory.pauses import Pauses
from memorybank_service.settings import ForgettingSettings, Settings
from memorybank_service.tenant import Tenant
from tests.service.http.v1.calls import add, call
from tests.service.manual_clock import ManualClock

RunOn = Callable[[float], Awaitable[None]]


@pytest.fixture
def forgetting(request: pytest.FixtureRequest) -> ForgettingSettings:
    return getattr(request, "param", ForgettingSettings(24, 0.1, 168, 0))


@pytest.fixture
def settings(settings: Settings, forgetting: ForgettingSettings) -> Settings:
    return replace(settings, forgetting=forgetting)


@pytest.fixture
def run_on(tenant: Tenant, clock: ManualClock) -> RunOn:
    """Lets the time go by while the service runs."""

    async def run(days: float) -> None:
        for _ in range(round(days * 24)):
            clock.advance(hours=1)
            await tenant.bank.beat()

    return run


async def preview(client: httpx.AsyncClient, **query: Any) -> dict[str, dict[str, Any]]:
    answer = await call(client, "GET", "/v1/forgetting/preview", **query)
    return {memory["id"]: memory for memory in answer["results"]}


async def test_the_preview_says_when_each_memory_fades_and_why(client: httpx.AsyncClient, run_on: RunOn) -> None:
    await add(client, "tea", id="old")
    await add(client, "coffee", id="kept", pinned=True)
    await add(client, "milk", id="sour", expires_at="2027-01-16T00:00:00Z")
    await run_on(10)
    await add(client, "water", id="new")
    seen = await preview(client)
    assert list(seen) == ["old", "new", "kept", "sour"]
    assert seen["old"]["retention"] == pytest.approx(math.exp(-10 / 7), abs=1e-9)
    assert (seen["old"]["strength"], seen["old"]["threshold"]) == (1, 0.1)
    assert seen["old"]["fades_at"].startswith("2027-01-31T10:50:03")  # 7 days * ln 10 after its arrival
    assert seen["old"]["reason"] == f"retention 0.24 falls below the threshold 0.10 after {seen['old']['fades_at']}"
    assert (seen["kept"]["fades_at"], seen["kept"]["reason"]) == (None, "pinned: never fades")
    assert seen["sour"]["reason"] == "expired: it was wanted until 2027-01-16T00:00:00.000Z"
    await run_on(7)
    old = (await preview(client))["old"]
    assert (old["state"], old["reason"]) == ("faded", "retention 0.09 is below the threshold 0.10")
    assert old["fades_in_next_run"] is True
    await call(client, "POST", "/v1/forgetting/run")
    assert (await preview(client))["old"]["fades_in_next_run"] is False


async def test_at_the_moment_that_the_preview_names_the_memory_fades(
    client: httpx.AsyncClient, clock: ManualClock, tenant: Tenant
) -> None:
    await add(client, "tea", id="m1")
    fades_in = 7 * 24 * math.log(10)
    for hours, state in ((fades_in - 0.01, "active"), (0.02, "faded")):
        for _ in range(int(hours)):
            clock.advance(hours=1)
            await tenant.bank.beat()
        clock.advance(hours=hours % 1)
        await tenant.bank.beat()
        assert (await preview(client))["m1"]["state"] == state


@pytest.mark.parametrize("forgetting", [ForgettingSettings(24, 0.1, 24, 5)], indirect=True)
async def test_the_preview_says_what_the_next_run_purges(client: httpx.AsyncClient, run_on: RunOn) -> None:
    await add(client, "tea", id="m1")
    await run_on(3)
    due = (await preview(client))["m1"]["purge_due"]
    assert due == "2027-01-23T08:00:00.000Z"  # five days after the next run
    await call(client, "POST", "/v1/forgetting/run")
    await run_on(3)
    memory = (await preview(client))["m1"]
    assert (memory["purge_due"], memory["purged_in_next_run"]) == ("2027-01-23T08:00:00.000Z", False)
    assert memory["reason"].endswith("; a run purges it from 2027-01-23T08:00:00.000Z on")
    await run_on(2)
    assert (await preview(client))["m1"]["purged_in_next_run"] is True
    dry = await call(client, "POST", "/v1/forgetting/run", {"dry_run": True})
    assert (dry["dry_run"], dry["faded"], dry["purged"]) == (True, 0, 1)
    assert list(await preview(client)) == ["m1"]
    assert (await call(client, "POST", "/v1/forgetting/run"))["purged"] == 1
    assert await preview(client) == {}


@pytest.mark.parametrize(
    ("forgetting", "fades_at", "reason"),
    [
        (ForgettingSettings(24, 0.0, 168, 0), None, "the threshold is 0: nothing fades"),
        (
            ForgettingSettings(24, 1e-300, 87_600, 0),
            "8930-03-18",
            "retention 1.00 falls below the threshold 0.00 after 8930-",
        ),
        (
            ForgettingSettings(24, 5e-324, 876_000, 0),
            None,
            "retention 1.00 falls below the threshold 0.00 long after anyone cares",
        ),
        (ForgettingSettings(24, 1.0, 168, 0), "2027-01-15T08:00", "retention 1.000000000 falls below the threshold"),
    ],
    indirect=["forgetting"],
)
async def test_thresholds_at_the_ends_are_told_too(
    client: httpx.AsyncClient, fades_at: str | None, reason: str
) -> None:
    await add(client, "tea", id="m1")
    memory = (await preview(client))["m1"]
    assert memory["reason"].startswith(reason)
    assert (memory["fades_at"] or "").startswith(fades_at or "")
    assert (memory["fades_at"] is None) == (fades_at is None)


async def test_a_dry_run_writes_nothing(client: httpx.AsyncClient, run_on: RunOn, tenant: Tenant) -> None:
    await add(client, "tea", id="m1")
    await run_on(17)
    assert (await call(client, "POST", "/v1/forgetting/run", {"dry_run": True}))["faded"] == 1
    assert tenant.bank.footing.store.faded() == []
    assert (await call(client, "POST", "/v1/forgetting/run", {}))["faded"] == 1
    assert len(tenant.bank.footing.store.faded()) == 1


async def test_the_preview_goes_from_page_to_page(client: httpx.AsyncClient) -> None:
    for number in range(7):
        await add(client, f"note {number}", id=f"m{number}", pinned=number % 2 == 0)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        answer = await call(client, "GET", "/v1/forgetting/preview", **query)
        seen += [memory["id"] for memory in answer["results"]]
        assert answer["total"] == 7
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert seen == ["m1", "m3", "m5", "m0", "m2", "m4", "m6"]


def test_a_pause_within_puts_the_fading_off() -> None:
    pauses = Pauses([(10.0, 20.0), (30.0, 35.0)])
    assert pauses.after([0.0, 5.0, 15.0, 40.0], 12.0).tolist() == [22.0, 27.0, 37.0, 52.0]

import gc
import weakref

import httpx
import pytest

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.manual_clock import ManualClock


def test_nothing_holds_on_to_what_an_application_had_once_it_is_gone(
    settings: Settings, model: ModelFiles, clock: ManualClock
) -> None:
    keys = KeyRing(settings, clock)
    held = weakref.ref(keys)
    application = create_app(Tenant(settings, model, Metrics(), clock), keys, Metrics())
    del application, keys
    gc.collect()
    assert held() is None


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health"])
async def test_a_probe_answers_head_as_it_answers_get(client: httpx.AsyncClient, path: str) -> None:
    asked, got = await client.head(path), await client.get(path)
    assert asked.status_code == got.status_code == 200
    assert asked.headers["content-type"] == got.headers["content-type"]


async def test_no_model_is_listed_where_none_is_configured(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/models")).json() == {"object": "list", "data": []}

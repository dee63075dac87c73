import gc
import weakref

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.manual_clock import ManualClock


async def test_nothing_holds_on_to_a_tenant_whose_application_is_gone(
    settings: Settings, model: ModelFiles, clock: ManualClock
) -> None:
    tenant = Tenant(settings, model, Metrics(), clock)
    await tenant.open()
    create_app(tenant, KeyRing(settings, clock), Metrics())
    await tenant.close()
    held = weakref.ref(tenant)
    del tenant
    gc.collect()
    assert held() is None

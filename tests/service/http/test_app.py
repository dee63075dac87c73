import gc
import weakref

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

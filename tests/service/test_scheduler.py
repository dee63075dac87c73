from memorybank_service.memory.keeping import Draft
from memorybank_service.metrics import Metrics
from memorybank_service.scheduler import Scheduler
from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from tests.service.manual_clock import ManualClock


async def test_a_job_runs_when_it_is_due_and_not_before(tenant: Tenant, clock: ManualClock) -> None:
    scheduler = tenant.scheduler
    clock.advance(hours=23)
    await scheduler.run_due()
    assert [job.last_run for job in scheduler.jobs] == [None, None]
    clock.advance(hours=1)
    await scheduler.run_due()
    forgetting, maintenance = scheduler.jobs
    assert (forgetting.last_run, forgetting.last_result) == (clock(), "0 faded, 0 purged")
    assert forgetting.next_run == clock() + 24 * 3600
    assert maintenance.last_run is None


async def test_a_restart_does_not_put_off_what_is_due(
    tenant: Tenant, settings: Settings, metrics: Metrics, clock: ManualClock
) -> None:
    clock.advance(hours=168)
    await tenant.scheduler.run_due()
    clock.advance(hours=100)
    restarted = Scheduler(tenant.bank, settings, metrics.job_ended)
    await restarted.load()
    assert [job.last_result for job in restarted.jobs] == [
        "0 faded, 0 purged",
        "checked, nothing to give back, 0 kept answers and 0 ended jobs removed",
    ]
    assert restarted.jobs[1].next_run == clock() + 68 * 3600


async def test_a_service_that_restarts_more_often_than_a_job_is_due_still_runs_it(
    tenant: Tenant, settings: Settings, metrics: Metrics, clock: ManualClock
) -> None:
    for _ in range(3):
        clock.advance(hours=8)
        restarted = Scheduler(tenant.bank, settings, metrics.job_ended)
        await restarted.load()
    await restarted.run_due()
    assert [job.last_run for job in restarted.jobs] == [clock(), None]


async def test_a_run_asked_for_counts_as_the_last_run(tenant: Tenant, metrics: Metrics, clock: ManualClock) -> None:
    await tenant.bank.memories.add([Draft("x")])
    for _ in range(20 * 24):
        clock.advance(hours=1)
        await tenant.bank.beat()
    assert (await tenant.scheduler.run_forgetting()).faded == 1
    assert tenant.scheduler.jobs[0].last_run == clock()
    counted = metrics.registry.get_sample_value("memorybank_forgetting_runs_total", {"result": "success"})
    assert counted == 1

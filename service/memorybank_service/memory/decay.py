"""The forgetting as a tenant's operator sees it: running it, counting what is in which state."""

import json
from dataclasses import asdict, dataclass

from memorybank_service.memory.footing import Footing
from memorybank_service.memory.forgetting import ForgettingResult, plan

_SETTINGS, _SETTINGS_SINCE = "forgetting_settings", "forgetting_settings_since"


@dataclass(frozen=True)
class Census:
    """How many memories are in which state."""

    active: int
    faded: int
    expired: int
    superseded: int


class Decay:
    def __init__(self, footing: Footing) -> None:
        self._on = footing

    async def open(self) -> None:
        """Notes since when the settings are what they are: purging waits anew after a change."""
        wanted = json.dumps(asdict(self._on.forgetting), sort_keys=True)
        if await self._on.note(_SETTINGS) != wanted:
            await self._on.note_down({_SETTINGS: wanted, _SETTINGS_SINCE: repr(self._on.now())})

    async def run(self) -> ForgettingResult:
        return await self._on.read(self._run)

    async def census(self) -> Census:
        return await self._on.read(self._census)

    def _run(self) -> ForgettingResult:
        now, view = self._on.now(), self._on.store.view(None)
        since = float(self._on.store.note(_SETTINGS_SINCE) or now)
        decided = plan(
            view.roster,
            self._on.standing(view),
            self._on.store.faded(),
            settings=self._on.forgetting,
            settings_since=since,
            pauses=self._on.alive.pauses(),
            now=now,
        )
        purged = self._on.store.record_fading(decided.fade, decided.unfade, decided.purge, now).result()
        return ForgettingResult(decided.faded - purged, purged)

    def _census(self) -> Census:
        state = self._on.standing(self._on.store.view(None))
        counts = (int(mask.sum()) for mask in (state.active, state.faded, state.expired, state.superseded))
        return Census(*counts)

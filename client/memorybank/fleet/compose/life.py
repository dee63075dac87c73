"""A tenant made, changed and deleted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from memorybank.address import __version__
from memorybank.fleet.compose.engine import STOP_SECONDS
from memorybank.fleet.compose.folder import OldKey, Tenant
from memorybank.fleet.compose.names import FOLDER_LABEL, of_tenant
from memorybank.fleet.compose.running import Site, end, is_reached, open_to, port, start, until_ready
from memorybank.fleet.compose.spec import checked, checked_hostname
from memorybank.fleet.compose.view import endpoint, line
from memorybank.fleet.errors import FleetError, NoSuchThingError, RefusedError
from memorybank.fleet.images import image_of
from memorybank.fleet.keys import new_key
from memorybank.fleet.target import Answer, NewTenant, Say

IMAGE_VARIABLE = "MEMORYBANK_IMAGE"
OVERLAP = timedelta(days=1)
"""How long a replaced key opens yet."""
Fill = Callable[[Tenant], None]
"""Puts something into a new tenant's volume before it starts."""


def create(site: Site, wish: NewTenant, *, seconds: float, wait: bool, say: Say, fill: Fill | None = None) -> Answer:
    say(f"making tenant {wish.id}")
    with site.folder.alone(wish.id):
        known = site.folder.find(wish.id)
        if known is not None:
            tenant, key = _the_same(site, known, wish)
            if tenant.asleep and wait:
                raise RefusedError(f"tenant {wish.id} sleeps: memorybank --target compose wake {wish.id}")
            if not tenant.asleep:
                start(site, tenant, key)
        else:
            tenant, key = _wished(site, wish)
            _made(site, tenant, key, fill)
    if wait:
        until_ready(site, wish.id, seconds, say)
    found = site.container(wish.id)
    return {
        "tenant_id": wish.id,
        "api_key": key,
        "domain": tenant.hostname,
        "endpoint": endpoint(tenant, port(found) if found else None),
    }


def _wished(site: Site, wish: NewTenant) -> tuple[Tenant, str]:
    """Checked; nothing is made yet."""
    spec = dict(wish.spec)
    image = spec.pop("image", None) or os.environ.get(IMAGE_VARIABLE) or f"memorybank/service:v{__version__}"
    named = spec.pop("hostname", None)
    hostname = checked_hostname(wish.hostname or named)
    if hostname is not None and hostname.startswith("grafana.") and (site.folder.path / "routes" / "edge.yml").exists():
        raise RefusedError(f"the host name {hostname} is Grafana's: choose another")
    for other in site.folder.all():
        if hostname is not None and other.hostname == hostname:
            raise RefusedError(f"the host name {hostname} belongs to tenant {other.id}: choose another")
    for what in ("container", "volume"):
        found = site.engine.find(what, of_tenant(wish.id))
        if found is not None and not site.is_ours(found):
            raise RefusedError(
                f"the {what} {of_tenant(wish.id)} is not of {site.folder.path}, but of another folder on this machine:"
                " name the tenant otherwise"
            )
    kept = site.folder.key(wish.id)
    if None not in (kept, wish.key) and kept != wish.key:
        raise RefusedError(
            f"the data of an earlier tenant {wish.id} are kept, with another key: give no key to go on with that one,"
            f" or remove them: memorybank delete {wish.id} --force"
        )
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Tenant(wish.id, image, now, hostname, checked(spec)), wish.key or kept or new_key()


def _made(site: Site, tenant: Tenant, key: str, fill: Fill | None) -> None:
    """With its volume, which may be there from before; if it cannot be started, all is as it was."""
    name = of_tenant(tenant.id)
    was_kept, was_there = site.folder.key(tenant.id) is not None, site.engine.find("volume", name) is not None
    if fill is not None and was_there:
        raise RefusedError(f"the data of an earlier tenant {tenant.id} are kept: memorybank delete {tenant.id} --force")
    try:
        if not was_there:
            site.engine.run("volume", "create", f"--label={FOLDER_LABEL}={site.folder.path}", name)
        if fill is not None:
            fill(tenant)
        # Only now: a command that is ended before leaves no tenant that would begin without what was to be restored.
        site.folder.keep(tenant)
        start(site, tenant, key)
    except BaseException:
        end(site, tenant.id)
        if not was_there and site.engine.find("volume", name) is not None:
            site.engine.run("volume", "rm", name)
        site.folder.let_go(tenant.id, keep_key=was_kept)
        raise


def _the_same(site: Site, known: Tenant, wish: NewTenant) -> tuple[Tenant, str]:
    """The tenant that is there, if it is what is wished."""
    key = site.folder.key(known.id)
    if not wish.if_not_exists:
        raise RefusedError(
            f"tenant {known.id} exists already in {site.folder.path}: `memorybank info {known.id}` shows it, and"
            " --if-not-exists takes it as it is"
        )
    if wish.hostname not in (None, known.hostname):
        raise RefusedError(f"tenant {known.id} exists already, at {known.hostname}, not {wish.hostname}")
    if wish.key is not None and key not in (None, wish.key):
        raise RefusedError(f"tenant {known.id} exists already, with another key")
    return known, key or wish.key or new_key()


def delete(site: Site, id: str) -> Answer:
    """Volume and key stay, and are taken up again by the next tenant of that name."""
    with site.folder.alone(id):
        site.folder.get(id)
        end(site, id)
        site.folder.let_go(id, keep_key=True)
    return {"tenant_id": id, "status": "deleted", "data": "kept"}


def erase(site: Site, id: str) -> Answer:
    name = of_tenant(id)
    with site.folder.alone(id):
        volume = site.engine.find("volume", name)
        ours = volume is not None and site.is_ours(volume)
        if site.folder.find(id) is None and not (ours or site.folder.kept(id).exists()):
            raise NoSuchThingError(f"there is no tenant {id} in {site.folder.path}, and no data of one")
        end(site, id)
        if ours:
            site.engine.run("volume", "rm", name)
        site.folder.let_go(id, keep_key=False)
    return {"tenant_id": id, "status": "deleted", "data": "removed"}


def update(site: Site, id: str, version: str, *, seconds: float, say: Say) -> Answer:
    """Another image; where it does not come up, the one before is run again."""
    with site.folder.alone(id):
        before = site.folder.get(id)
        image = image_of(version, before.image)
        answer = {"tenant_id": id, "image": image, "before": before.image, "status": "updated"}
        if image == before.image:
            return {**answer, "status": "unchanged"}
        if before.asleep:
            site.folder.keep(replace(before, image=image))  # it is run when the tenant wakes
            return answer
        key = site.folder.own_key(id)
        say(f"tenant {id}: {image}")
        try:
            _run(site, replace(before, image=image), key, seconds, say)
        except FleetError as error:
            say(f"tenant {id}: back to {before.image}")
            _run(site, before, key, seconds, say)
            raise RefusedError(f"tenant {id} runs {before.image} again, as {image} did not come up: {error}") from None
    return answer


def _run(site: Site, tenant: Tenant, key: str, seconds: float, say: Say) -> None:
    site.folder.keep(tenant)
    start(site, tenant, key)
    until_ready(site, tenant.id, seconds, say)


def rotate_key(site: Site, id: str, name: str) -> Answer:
    if name != "default":
        raise RefusedError(f"tenant {id} has no key {name}; it has default")
    with site.folder.alone(id):
        tenant, old, key = site.folder.get(id), site.folder.key(id), new_key()
        now = datetime.now(UTC)
        kept = tuple(one for one in tenant.old_keys if datetime.fromisoformat(one.until) > now)
        if old is not None:
            kept = (*kept, OldKey.of(old, now + OVERLAP))
        changed = replace(tenant, old_keys=kept)
        # The key itself last: a command that is ended before leaves the old one in its place, which opens.
        site.folder.keep(changed)
        open_to(site, changed, key)
        site.folder.keep_key(id, key)
    return {"tenant_id": id, "key": name, "api_key": key}


def switch(site: Site, id: str, state: str, *, seconds: float, say: Say) -> Answer:
    if state in ("pause", "resume"):
        raise RefusedError(f"nothing but these commands works on a tenant of compose: there is nothing to {state}")
    with site.folder.alone(id):
        tenant = replace(site.folder.get(id), asleep=state == "hibernate")
        site.folder.keep(tenant)
        if tenant.asleep:
            say(f"ending tenant {id}")
            if site.container(id) is not None:
                site.engine.run("stop", "-t", str(STOP_SECONDS), of_tenant(id), seconds=max(seconds, 2 * STOP_SECONDS))
        else:
            _run(site, tenant, site.folder.own_key(id), seconds, say)
    told: dict[str, Any] = line(tenant, site.container(id), reached=is_reached(site, id))
    return {name: told[name] for name in ("tenant_id", "phase", "ready", "available")}

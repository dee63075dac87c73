"""A tenant's container: started as its wish is, led to by Traefik, ended."""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memorybank.fleet.compose import files
from memorybank.fleet.compose.engine import Engine
from memorybank.fleet.compose.folder import PRIVATE, READABLE, Folder, Tenant
from memorybank.fleet.compose.names import EDGE, FOLDER_LABEL, HTTP_PORT, WISH_LABEL, of_tenant
from memorybank.fleet.compose.spec import PROVIDER_KEYS
from memorybank.fleet.errors import RefusedError
from memorybank.fleet.target import Say
from memorybank.fleet.waiting import until

PROBE_SECONDS = 2.0
START_SECONDS = 900.0
"""An image may have to be pulled first."""
LAST_LINES = 3


@dataclass(frozen=True)
class Site:
    """One engine, and the folder of its tenants."""

    engine: Engine
    folder: Folder

    def container(self, id: str) -> dict[str, Any] | None:
        return self.engine.find("container", of_tenant(id))

    def is_ours(self, found: Mapping[str, Any]) -> bool:
        """Whether a container or a volume is of this folder, and not of another one on this machine."""
        labels = (found.get("Config") or found).get("Labels") or {}
        return bool(labels.get(FOLDER_LABEL) == str(self.folder.path))


def start(site: Site, tenant: Tenant, key: str) -> None:
    """Write what it is run by, have it run, and lead to it; what runs as it is wished already is left alone."""
    folder, name = site.folder, of_tenant(tenant.id)
    provider_keys = folder.tenant(tenant.id) / "provider.env"
    if not provider_keys.exists():
        folder.write(provider_keys, given_provider_keys(), PRIVATE)
    text = files.compose_file(tenant, str(folder.path))
    wish = hashlib.sha256((text + provider_keys.read_text()).encode()).hexdigest()[:16]
    file = folder.tenant(tenant.id) / "compose.yml"
    folder.write(file, files.compose_file(tenant, str(folder.path), wish), PRIVATE)
    folder.keep_key(tenant.id, key)
    open_to(site, tenant, key)
    if site.engine.find("network", name) is None:
        site.engine.make_network(name, f"{FOLDER_LABEL}={folder.path}")
    running = site.container(tenant.id)
    if running is not None and running["Config"]["Labels"].get(WISH_LABEL) != wish:
        site.engine.remove(name)
    site.engine.compose(name, file, "up", "--detach", seconds=START_SECONDS)
    if site.container(tenant.id) is None:  # which not every front end takes for a failure
        raise RefusedError(f"tenant {tenant.id} was not started: `{site.engine.program} pull {tenant.image}` says why")
    lead_to(site, tenant)


def open_to(site: Site, tenant: Tenant, key: str) -> None:
    """Digests of its keys, which a running tenant looks at again by itself."""
    site.folder.write(
        site.folder.tenant(tenant.id) / "access" / "access.json", files.access_file(tenant, key), READABLE
    )


def lead_to(site: Site, tenant: Tenant) -> None:
    """Have Traefik, where it runs, reach the tenant's network, and know its name."""
    name = of_tenant(tenant.id)
    watch(site)
    networks = edge_networks(site)
    if networks is not None and name not in networks:
        site.engine.run("network", "connect", name, EDGE)
    site.folder.write(site.folder.path / "routes" / f"tenant-{tenant.id}.yml", files.route_file(tenant), READABLE)
    site.folder.write(site.folder.path / "scrape" / f"tenant-{tenant.id}.json", files.scrape_file(tenant), READABLE)


def watch(site: Site) -> None:
    """Prometheus' password, and that Traefik asks for it; made once."""
    password = site.folder.path / "scrape" / "password"
    if password.exists():
        return
    text = secrets.token_urlsafe(32)
    # The password last: a command that was ended in between does it all again.
    site.folder.write(site.folder.path / "routes" / "monitoring.yml", files.monitoring_file(text), READABLE)
    site.folder.write(site.folder.path / "scrape" / "traefik.json", files.edge_scrape_file(), READABLE)
    site.folder.write(password, text, READABLE)


def is_reached(site: Site, id: str) -> bool:
    """Whether Traefik is on the tenant's network."""
    return of_tenant(id) in (edge_networks(site) or ())


def edge_networks(site: Site) -> frozenset[str] | None:
    """Those that Traefik is on, which it leaves when its container is made anew; None: there is no such container."""
    edge = site.engine.find("container", EDGE)
    return None if edge is None else frozenset(edge["NetworkSettings"]["Networks"])


def end(site: Site, id: str) -> None:
    """No container, network or route; its data stay in the volume."""
    name = of_tenant(id)
    for one in (f"routes/tenant-{id}.yml", f"scrape/tenant-{id}.json"):
        (site.folder.path / one).unlink(missing_ok=True)
    if is_reached(site, id):
        site.engine.run("network", "disconnect", "--force", name, EDGE)
    if site.container(id) is not None:
        site.engine.remove(name)
    if site.engine.find("network", name) is not None:
        site.engine.run("network", "rm", name)


def port(container: Mapping[str, Any]) -> int | None:
    """On 127.0.0.1; None: it does not run."""
    bound = (container["NetworkSettings"].get("Ports") or {}).get(f"{HTTP_PORT}/tcp")
    return int(bound[0]["HostPort"]) if bound and container["State"]["Status"] == "running" else None


def answers(container: Mapping[str, Any]) -> bool:
    """Whether it is ready."""
    at = port(container)
    if at is None:
        return False
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def until_ready(site: Site, id: str, seconds: float, say: Say) -> None:
    """Raises RefusedError with its last words where it has ended, again and again."""
    say(f"waiting for tenant {id}")

    def look() -> bool | None:
        found = site.container(id)
        if found is None:
            raise RefusedError(f"tenant {id} has no container any more")
        if found["State"]["Status"] in ("exited", "restarting", "dead") or found.get("RestartCount", 0) > 1:
            raise RefusedError(f"tenant {id} does not stay up: {last_words(site, id)}")
        return answers(found) or None

    until(look, seconds, lambda: f"tenant {id} is not ready yet: `memorybank logs {id}` shows what it does")


def last_words(site: Site, id: str) -> str:
    lines = b"".join(site.engine.pieces("logs", "--tail", str(LAST_LINES), of_tenant(id))).decode(errors="replace")
    return " ".join(lines.split())[-500:] or "it said nothing"


def given_provider_keys(variables: Mapping[str, str] = os.environ) -> str:
    """Lines of NAME=VALUE, of those keys of providers that this environment has."""
    found = {name: variables[name] for name in PROVIDER_KEYS if variables.get(name)}
    if any("\n" in value for value in found.values()):
        raise ValueError(f"a key of {', '.join(found)} has more than one line")
    return "".join(f"{name}={value}\n" for name, value in found.items())

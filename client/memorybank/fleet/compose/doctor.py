"""What is wrong with the tenants of this machine, and what to do: the engine, the edge, and each tenant's way."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from functools import partial
from typing import Final

from memorybank.fleet.compose.folder import Tenant
from memorybank.fleet.compose.names import EDGE, EDGE_NETWORK, of_tenant
from memorybank.fleet.compose.running import Site, answers, is_reached, last_words
from memorybank.fleet.finding import Finding, looked, ok, problem, warning
from memorybank.fleet.target import Say

EDGE_FILE: Final = "config/compose/docker-compose.traefik.yml"
SCARCE: Final = 0.1
"""Of the disk that is free."""


def examine(site: Site, id: str | None, say: Say) -> Iterator[Finding]:
    say("looking at the engine")
    yield from looked("engine", partial(_engine, site))
    yield from _disk(site)
    yield from looked("edge", partial(_edge, site))
    for tenant in [site.folder.get(id)] if id is not None else site.folder.all():
        say(f"looking at tenant {tenant.id}")
        yield from looked(f"tenant {tenant.id}", partial(_tenant, site, tenant))
        if tenant.hostname is not None:
            yield from _name(tenant.id, tenant.hostname)


def _engine(site: Site) -> Iterator[Finding]:
    version = site.engine.run("version", "--format={{.Client.Version}}").strip()
    yield ok("engine", f"{site.engine.program} {version}, with {' '.join(site.engine.front_end)}")


def _disk(site: Site) -> Iterator[Finding]:
    about = "disk"
    if not site.folder.path.exists():
        yield ok(about, f"{site.folder.path} is not there yet: no tenant was made")
        return
    used = shutil.disk_usage(site.folder.path)
    if used.free / used.total < SCARCE:
        yield problem(
            about,
            f"{used.free / used.total:.0%} of the disk of {site.folder.path} is free",
            "make room: a full disk refuses memories; `memorybank --target compose top --once` shows who uses what",
        )
    else:
        yield ok(about, f"{used.free / used.total:.0%} of the disk of {site.folder.path} is free")


def _edge(site: Site) -> Iterator[Finding]:
    found = site.engine.find("container", EDGE)
    named = [tenant for tenant in site.folder.all() if tenant.hostname is not None]
    if found is None or found["State"]["Status"] != "running":
        told = "there is no container of Traefik" if found is None else f"Traefik is {found['State']['Status']}"
        if named:
            yield problem("edge", f"{told}, and {len(named)} tenants have a host name", f"start it: {EDGE_FILE}")
        else:
            yield ok("edge", f"{told}, and no tenant has a host name")
        return
    yield ok("edge", "Traefik runs")
    network = site.engine.find("network", EDGE_NETWORK)
    options = (network or {}).get("options") or {}
    if site.engine.program == "podman" and options.get("isolate") != "true":
        yield problem(
            "edge",
            f"the network {EDGE_NETWORK} is not isolated: a tenant can reach Prometheus by its address",
            f"end it, `podman network rm {EDGE_NETWORK}`, `podman network create --opt isolate=true {EDGE_NETWORK}`,"
            " and start it again",
        )


def _tenant(site: Site, tenant: Tenant) -> Iterator[Finding]:
    about, wake = f"tenant {tenant.id}", f"memorybank --target compose wake {tenant.id}"
    container = site.container(tenant.id)
    if tenant.asleep:
        yield ok(about, "it sleeps")
        return
    if site.engine.find("volume", of_tenant(tenant.id)) is None:
        yield problem(about, "its volume is gone, and its memories with it", "restore it from a backup")
        return
    if container is None:
        yield problem(about, "it has no container", wake)
        return
    status = container["State"]["Status"]
    if status != "running":
        yield problem(about, f"its container is {status}: {last_words(site, tenant.id)}", wake)
        return
    if not answers(container):
        yield warning(about, "it runs, and is not ready", f"memorybank --target compose logs {tenant.id}")
        return
    yield ok(about, f"it answers, with {tenant.image}")
    if tenant.hostname is not None and not is_reached(site, tenant.id):
        yield problem(about, "Traefik is not on its network: it was made anew after the tenant", wake)


def _name(id: str, hostname: str) -> Iterator[Finding]:
    about = f"tenant {id}"
    try:
        found = sorted({str(one[4][0]) for one in socket.getaddrinfo(hostname, 443, type=socket.SOCK_STREAM)})
    except OSError as error:
        yield warning(
            about,
            f"{hostname} has no address here: {error.strerror}",
            f"make a record for it that leads to this machine, and look with `nslookup {hostname}`",
        )
        return
    yield ok(about, f"{hostname} is {', '.join(found)}")

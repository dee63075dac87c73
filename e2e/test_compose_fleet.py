"""Tenants by `memorybank --target compose`, behind the Traefik and the Prometheus of docker-compose.traefik.yml.

Grafana's image is not to be had here; the rest runs as it is in the file.
"""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.pki import Authority
from e2e.cluster.progress import Progress
from e2e.images import PROGRAMS
from e2e.podman import Podman
from e2e.stack import ROOT
from e2e.tenants import until
from e2e.test_edge import HEADERS

COMPOSE = ROOT / "config" / "compose"
EDGE = ("podman-compose", "-p", "memorybank", "-f", str(COMPOSE / "docker-compose.traefik.yml"))
SERVICES = ("traefik", "prometheus")
PROMETHEUS = "memorybank-prometheus"
DOMAIN = "example.com"
TENANTS = ("one", "two", "three")
KEY = "a-key-of-the-guide-0123"
IMAGE = PROGRAMS["service"].tag
IMPORTED = {
    # What the published images have: the program, and the folders that files are mounted into.
    "traefik": ('ENTRYPOINT ["/bin/traefik"]', ("etc/traefik/routes", "etc/traefik/certificates", "acme", "tmp")),
    "prometheus": ('ENTRYPOINT ["/bin/prometheus"]', ("etc/prometheus/scrape", "prometheus", "tmp")),
}
ASKING = """
import http.client, json, socket, ssl, sys
name, path, key, body, authority, times = sys.argv[1:]
trust = ssl.create_default_context(cafile=authority)
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
answers = []
for _ in range(int(times)):
    connection = http.client.HTTPSConnection(name, context=trust)
    connection.sock = trust.wrap_socket(socket.create_connection(("127.0.0.1", 443), 10), server_hostname=name)
    connection.request("POST" if body else "GET", path, body or None, headers)
    answer = connection.getresponse()
    told = {key.lower(): value for key, value in answer.getheaders()}
    answers.append({"status": answer.status, "headers": told, "body": answer.read().decode()})
    connection.close()
print(json.dumps(answers))
"""
PLAIN = """
import http.client, json, sys
address, port, host, path = sys.argv[1:]
connection = http.client.HTTPConnection(address, int(port), timeout=3)
connection.request("GET", path, headers={"Host": host})
answer = connection.getresponse()
print(json.dumps({"status": answer.status, "location": answer.getheader("Location"), "body": answer.read().decode()}))
"""
BEING_ASKED = """
import json, sys, urllib.request
print(json.dumps(json.load(urllib.request.urlopen(sys.argv[1], timeout=10))))
"""


@dataclass(frozen=True)
class Fleet:
    engine: Podman
    folder: Path
    authority: Path
    variables: dict[str, str]

    def run(self, *command: str) -> Any:
        """What a command prints, as JSON."""
        return json.loads(self.engine(*command, variables=self.variables))

    def memorybank(self, *arguments: str) -> Any:
        return self.run("memorybank", *arguments)

    def script(self, name: str, *arguments: str) -> Any:
        return self.run(str(ROOT / "scripts" / name), *arguments)

    def refused(self, *arguments: str) -> str:
        with pytest.raises(AssertionError) as told:
            self.engine("memorybank", *arguments, variables=self.variables)
        return str(told.value).replace("\n", " ")

    def ask(self, name: str, path: str, key: str = "", body: Any = None) -> dict[str, Any]:
        """By HTTPS through Traefik, as from outside."""
        [answer] = self.ask_often(1, name, path, key, body)
        return answer

    def ask_often(self, times: int, name: str, path: str, key: str = "", body: Any = None) -> list[dict[str, Any]]:
        """One after the other, at once."""
        text = "" if body is None else json.dumps(body)
        told = self.engine.python(ASKING, name, path, key, text, str(self.authority), str(times))
        answers: list[dict[str, Any]] = json.loads(told)
        return answers

    def within(self, container: str, script: str, *arguments: str, check: bool = True) -> str:
        return self.engine("podman", "exec", container, "python3", "-c", script, *arguments, check=check)

    def address(self, container: str) -> str:
        [inspected] = json.loads(self.engine("podman", "inspect", container))
        [network] = inspected["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def known(self, container: str, path: str) -> dict[str, Any] | None:
        """What Traefik tells that container of metrics; None: it has yet to read of them."""
        told = json.loads(self.within(container, PLAIN, "memorybank-traefik", "8082", "x", path))
        return None if told["status"] == 404 else dict(told)

    def prometheus(self, query: str) -> list[dict[str, Any]]:
        """Asked from its own container's network, as it has no port outside."""
        told = json.loads(
            self.engine.python(BEING_ASKED, f"http://{self.address(PROMETHEUS)}:9090/api/v1/query?query={query}")
        )
        found: list[dict[str, Any]] = told["data"]["result"]
        return found


def an_image(engine: Podman, name: str, folder: Path) -> str:
    start, folders = IMPORTED[name]
    layer = folder / f"{name}.tar"
    with tarfile.open(layer, "w") as tar:
        for one in folders:
            directory = tarfile.TarInfo(one)
            directory.type, directory.mode, directory.uid, directory.gid = tarfile.DIRTYPE, 0o1777, 65534, 65534
            tar.addfile(directory)
        tar.add(program(COMPONENTS[name], Progress()), f"bin/{name}")
    tag = f"localhost/{name}:test"
    user = "USER 0" if name == "traefik" else "USER 65534"
    engine("podman", "import", "--quiet", f"--change={start}", f"--change={user}", str(layer), tag)
    return tag


@pytest.fixture(scope="module")
def fleet(engine: Podman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    place = tmp_path_factory.mktemp("compose")
    made = Authority(place / "pki")
    made.issue("edge", DOMAIN, names=(f"DNS:*.{DOMAIN}",))
    folder = place / "memorybank"
    for one in ("routes", "scrape", "certificates"):
        (folder / one).mkdir(parents=True)
    for one in ("edge.yml", "certificate.yml"):
        shutil.copy(COMPOSE / "traefik" / one, folder / "routes")
    for old, new in (("edge.crt", "tls.crt"), ("edge.key", "tls.key")):
        shutil.copy(made.directory / old, folder / "certificates" / new)
        (folder / "certificates" / new).chmod(0o644)
    variables = {
        "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
        "MEMORYBANK_TARGET": "compose",
        "MEMORYBANK_ENGINE": "podman",
        "MEMORYBANK_FOLDER": str(folder),
        "MEMORYBANK_IMAGE": IMAGE,
        "TRAEFIK_IMAGE": an_image(engine, "traefik", place),
        "PROMETHEUS_IMAGE": an_image(engine, "prometheus", place),
        "DOMAIN": DOMAIN,
        "ACME_EMAIL": f"ops@{DOMAIN}",
        "GRAFANA_PASSWORD": "a-password-of-the-tests",
    }
    engine("podman", "network", "create", "--opt=isolate=true", "memorybank_network")
    engine(*EDGE, "up", "--detach", *SERVICES, variables=variables)
    yield Fleet(engine, folder, made.certificate, variables)
    # A container that is ended in the middle of the tests' end says so in nobody's way.
    engine(*EDGE, "down", variables=variables, check=False)


def test_the_guides_workflow_without_a_cluster(fleet: Fleet) -> None:
    first = fleet.script("manage-tenants.py", "create", "one", "--domain", DOMAIN, "--wait")
    second = fleet.script("deploy-tenant.sh", "two", KEY, DOMAIN)
    third = fleet.script("manage-tenants.py", "create", "--tenant-id", "three", "--domain", DOMAIN, "--wait")
    assert [one["domain"] for one in (first, second, third)] == [f"{name}.{DOMAIN}" for name in TENANTS]
    assert [one["endpoint"] for one in (first, second, third)] == [f"https://{name}.{DOMAIN}" for name in TENANTS]
    assert second["api_key"] == KEY
    keys = {made["tenant_id"]: made["api_key"] for made in (first, second, third)}

    for name, key in keys.items():
        led_to(fleet, name)
        told = {"content": f"{name} was here.", "metadata": {"user_id": "ada"}}
        assert fleet.ask(f"{name}.{DOMAIN}", "/store_memory", key, told)["status"] in (200, 201)

    assert [one["tenant_id"] for one in fleet.script("manage-tenants.py", "list")] == sorted(TENANTS)
    assert fleet.script("manage-tenants.py", "info", "one")["ready"] == "True"
    counted = {one["tenant_id"]: one["total_memories"] for one in fleet.script("manage-tenants.py", "stats")}
    assert counted == dict.fromkeys(TENANTS, 1)

    newer = f"{IMAGE.rpartition(':')[0]}:newer"
    fleet.engine("podman", "tag", IMAGE, newer)
    scripts = ROOT / "scripts"
    each = f"{scripts}/manage-tenants.py list | jq -r '.[].tenant_id'"
    pipe = f"{each} | xargs -I {{}} {scripts}/update-tenant.sh {{}} newer"
    fleet.engine("sh", "-ec", pipe, variables=fleet.variables)
    assert {one["image"] for one in fleet.memorybank("list")} == {newer}

    taken = fleet.script("backup-tenants.sh")
    assert {one["tenant_id"]: (one["phase"], one["memories"]) for one in taken} == dict.fromkeys(
        TENANTS, ("Completed", 1)
    )

    assert fleet.script("manage-tenants.py", "delete", "one")["data"] == "kept"
    assert fleet.engine("podman", "ps", "--all", "--format={{.Names}}", "--filter=name=memorybank-tenant-one") == ""
    again = fleet.script("manage-tenants.py", "create", "one", "--domain", DOMAIN, "--wait")
    assert again["api_key"] == first["api_key"]
    assert remembered(fleet, "one", again["api_key"]) == ["one was here."]
    for name in TENANTS:
        assert fleet.script("manage-tenants.py", "delete", name, "--force")["data"] == "removed"
    assert fleet.script("manage-tenants.py", "list") == []
    assert "memorybank-tenant" not in fleet.engine("podman", "volume", "ls", "--format={{.Name}}")

    backup = next(one["backup"] for one in taken if one["tenant_id"] == "three")
    restored = fleet.memorybank("restore", "three", "--backup", backup, "--domain", DOMAIN)
    assert restored["restored"]["memories"] == 1
    assert remembered(fleet, "three", restored["api_key"]) == ["three was here."]
    fleet.memorybank("delete", "three", "--force", "--yes")


def test_a_tenant_is_led_to_by_https_with_its_rate_and_headers(fleet: Fleet) -> None:
    spec = fleet.folder.parent / "spec.json"
    spec.write_text(json.dumps({"rateLimit": {"requestsPerSecond": 2, "burst": 5}}))
    fleet.memorybank("create", "edge", "--domain", DOMAIN, "--spec", str(spec), "--wait")
    name = f"edge.{DOMAIN}"
    led = json.loads(fleet.engine.python(PLAIN, "127.0.0.1", "80", name, "/livez"))
    assert (led["status"], led["location"]) == (301, f"https://{name}/livez")
    until("it is led to", lambda: fleet.ask(name, "/livez")["status"] == 200)

    answers = fleet.ask_often(30, name, "/livez")

    assert len([one for one in answers if one["status"] == 429]) >= 15
    served = until("it serves again", lambda: one if (one := fleet.ask(name, "/livez"))["status"] == 200 else None)
    assert HEADERS.items() <= served["headers"].items()
    assert served["headers"]["strict-transport-security"] == "max-age=31536000"
    assert "server" not in served["headers"]
    fleet.memorybank("delete", "edge", "--force", "--yes")


def test_a_tenant_reaches_no_other_and_nobodys_metrics(fleet: Fleet) -> None:
    for name in ("left", "right"):
        fleet.memorybank("create", name, "--wait")
    container = "memorybank-tenant-left"
    networks = json.loads(fleet.engine("podman", "inspect", container))[0]["NetworkSettings"]["Networks"]
    assert list(networks) == [container]
    other = fleet.within(container, PLAIN, "memorybank-tenant-right", "8000", "right", "/livez", check=False)
    assert other == ""
    for who, at in (("memorybank-tenant-right", "9090"), ("memorybank-tenant-right", "8000"), (PROMETHEUS, "9090")):
        assert fleet.within(container, PLAIN, fleet.address(who), at, "x", "/metrics", check=False) == "", who
    for path in ("/right/metrics", "/metrics"):
        told = known(fleet, container, path)
        assert told["status"] == 401, path

    query = "up%7Bmemorybank_dev_tenant%3D%22right%22%7D"
    [series] = until("Prometheus has read it", lambda: fleet.prometheus(query))
    assert series["value"][1] == "1"
    assert series["metric"]["namespace"] == "memorybank"
    assert until("and what it counts", lambda: fleet.prometheus("memorybank_volume_capacity_bytes"))
    assert until("and Traefik", lambda: fleet.prometheus("up%7Bjob%3D%22traefik%22%7D%3D%3D1"))
    for name in ("left", "right"):
        fleet.memorybank("delete", name, "--force", "--yes")


def test_a_tenants_container_may_do_nothing_and_has_no_key(fleet: Fleet) -> None:
    made = fleet.memorybank("create", "plain", "--wait")
    [inspected] = json.loads(fleet.engine("podman", "inspect", "memorybank-tenant-plain"))
    assert inspected["HostConfig"]["ReadonlyRootfs"] is True
    assert inspected["EffectiveCaps"] in ([], None)
    assert "no-new-privileges" in " ".join(inspected["HostConfig"]["SecurityOpt"])
    assert made["api_key"] not in json.dumps(inspected)
    assert made["api_key"] not in (fleet.folder / "tenants" / "plain" / "compose.yml").read_text()
    assert (fleet.folder / "tenants" / "plain").stat().st_mode & 0o777 == 0o700
    assert fleet.folder.stat().st_mode & 0o777 == 0o700
    fleet.memorybank("delete", "plain", "--force", "--yes")


def test_a_life_without_a_cluster(fleet: Fleet) -> None:
    made = fleet.memorybank("create", "life", "--domain", DOMAIN, "--wait")
    assert "exists already" in fleet.refused("create", "life")
    assert "belongs to tenant life" in fleet.refused("create", "other", "--hostname", f"life.{DOMAIN}")
    assert fleet.memorybank("create", "life", "--if-not-exists")["api_key"] == made["api_key"]
    for who in ("ada", "bob"):
        fleet.memorybank("store", f"{who} likes tea.", "--user", who, "--tenant", "life")

    backup = fleet.memorybank("backup", "life", "--name", "before")
    assert (backup["phase"], backup["memories"]) == ("Completed", 2)
    receipt = fleet.memorybank("erase", "--user", "ada", "--tenant", "life", "--yes")
    assert Path(receipt["noted_in"]).exists()
    again = fleet.memorybank("restore", "again", "--backup", "before")
    assert fleet.memorybank("stats", "--tenant", "again")["total_memories"] == 1
    assert again["api_key"] != made["api_key"]
    twin = fleet.memorybank("clone", "life", "twin")
    assert twin["restored"]["memories"] == 1
    assert [one["backup"] for one in fleet.memorybank("backups", "life")] == ["before", twin["backup"]]

    new = fleet.memorybank("rotate-key", "life")["api_key"]
    until("the new key opens", lambda: fleet.ask(f"life.{DOMAIN}", "/memory_stats", new)["status"] == 200)
    assert fleet.ask(f"life.{DOMAIN}", "/memory_stats", made["api_key"])["status"] == 200

    assert fleet.memorybank("hibernate", "life")["phase"] == "Hibernated"
    assert "wake life" in fleet.refused("search", "tea", "--user", "bob", "--tenant", "life")
    newer = f"{IMAGE.rpartition(':')[0]}:slept"
    fleet.engine("podman", "tag", IMAGE, newer)
    assert fleet.memorybank("update", "life", "slept")["status"] == "updated"
    assert fleet.memorybank("create", "life", "--if-not-exists")["api_key"] == new
    assert fleet.memorybank("info", "life")["phase"] == "Hibernated"
    assert fleet.memorybank("wake", "life")["phase"] == "Ready"
    assert fleet.memorybank("info", "life")["image"] == newer
    assert fleet.memorybank("stats", "--tenant", "life")["total_memories"] == 1

    told = fleet.refused("update", "life", "localhost/memorybank/none:v9")
    assert f"runs {newer} again" in told
    assert fleet.memorybank("info", "life")["image"] == newer
    assert fleet.memorybank("stats", "--tenant", "life")["total_memories"] == 1

    [line] = [one for one in fleet.memorybank("top", "--once", "-o", "json") if one["tenant_id"] == "life"]
    assert line["memories"] == 1
    assert "memorybank" in fleet.engine("memorybank", "logs", "life", "--tail", "5", variables=fleet.variables)
    for name in ("life", "again", "twin"):
        fleet.memorybank("delete", name, "--force", "--yes")


def test_an_edge_that_was_made_anew_is_noticed_and_joined_again(fleet: Fleet) -> None:
    fleet.memorybank("create", "joined", "--domain", DOMAIN, "--wait")
    name = f"joined.{DOMAIN}"
    until("it is led to", lambda: fleet.ask(name, "/livez")["status"] == 200)
    fleet.engine(*EDGE, "down", variables=fleet.variables)
    fleet.engine(*EDGE, "up", "--detach", *SERVICES, variables=fleet.variables)

    assert fleet.memorybank("list")[0]["ready"] == "False"
    assert "wake joined" in fleet.memorybank("info", "joined")["message"]
    assert "1 problem was found" in fleet.refused("doctor", "joined")
    found = fleet.engine("memorybank", "doctor", "joined", "-o", "json", variables=fleet.variables, check=False)
    assert "Traefik is not on its network" in found
    fleet.memorybank("wake", "joined")

    assert fleet.memorybank("list")[0]["ready"] == "True"
    until("it is led to again", lambda: fleet.ask(name, "/livez")["status"] == 200)
    fleet.memorybank("delete", "joined", "--force", "--yes")


def test_what_cannot_be_is_refused_before_anything_is_made(fleet: Fleet) -> None:
    spec = fleet.folder.parent / "wrong.json"
    for wrong, told in (
        ({"storage": {"size": "20Gi"}}, "spec.storage.size is nothing that --target compose knows"),
        ({"forgetting": {"thresholdPercent": 101}}, "spec.forgetting.thresholdPercent is 101: it may be a number from"),
        ({"resources": {"limits": {"memory": "much"}}}, "spec.resources.limits.memory is 'much'"),
    ):
        spec.write_text(json.dumps(wrong))
        assert told in fleet.refused("create", "wrong", "--spec", str(spec))
    assert "is Grafana's" in fleet.refused("create", "grafana", "--domain", DOMAIN)
    assert "is no host name" in fleet.refused("create", "wrong", "--hostname", "a`b")
    assert "was not started" in fleet.refused("create", "wrong", "--image", "localhost/memorybank/none:v9")
    assert "--namespace" in fleet.refused("list", "-n", "customers")
    assert fleet.memorybank("list") == []
    assert not (fleet.folder / "tenants" / "wrong").exists()
    assert "memorybank-tenant" not in fleet.engine("podman", "volume", "ls", "--format={{.Name}}")


def remembered(fleet: Fleet, name: str, key: str) -> list[str]:
    led_to(fleet, name)
    question = {"query": "who was here?", "metadata": {"user_id": "ada"}}
    told = json.loads(fleet.ask(f"{name}.{DOMAIN}", "/retrieve_memory", key, question)["body"])
    return [one["content"] for one in told["memories"]]


def led_to(fleet: Fleet, name: str) -> None:
    until(f"{name} is led to", lambda: fleet.ask(f"{name}.{DOMAIN}", "/livez")["status"] == 200)


def known(fleet: Fleet, container: str, path: str) -> dict[str, Any]:
    return until(f"{path} is known", lambda: fleet.known(container, path))

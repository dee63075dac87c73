"""The tenant that is backed up, over HTTP."""

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn, Self

import httpx

from memorybank_backup.errors import TENANT_FULL, TENANT_REFUSED, TENANT_UNREACHABLE, BackupError

_POLL_SECONDS: Final = 0.2
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)


class Tenant:
    """Raises BackupError where it does not answer, or refuses."""

    def __init__(self, url: str, key: str, *, give_up_after: float = 3600.0) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT, trust_env=False
        )
        self._give_up_after = give_up_after

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def copy(self, key: str) -> Mapping[str, Any]:
        """A copy on the tenant's own volume, made now; asked for again with the same key, the same one.

        Unless that one was removed meanwhile.
        """
        return self._copied(key) or self._copied(str(uuid.uuid4())) or _gone()

    def _copied(self, key: str) -> Mapping[str, Any] | None:
        ends = time.monotonic() + self._give_up_after
        job = self._json("POST", "/v1/backup", headers={"Idempotency-Key": key})
        while job["state"] in ("queued", "running") and not job["error"]:
            if time.monotonic() > ends:
                raise BackupError(TENANT_UNREACHABLE, f"the tenant makes no copy: its job {job['id']} goes on and on")
            time.sleep(_POLL_SECONDS)
            job = self._json("GET", f"/v1/jobs/{job['id']}")
        if job["state"] != "succeeded":
            reason = TENANT_FULL if "room" in str(job["error"]) or "full" in str(job["error"]) else TENANT_REFUSED
            raise BackupError(reason, f"the tenant could not make a copy: {job['error'] or job['state']}")
        wanted = job["result"]["backup_id"]
        found = self._json("GET", "/v1/backups")["results"]
        return next((dict(copy) for copy in found if copy["id"] == wanted), None)

    def read(self, copy_id: str) -> Iterator[bytes]:
        try:
            with self._client.stream("GET", f"/v1/backups/{copy_id}") as response:
                if response.status_code != 200:
                    response.read()
                    raise _refused(response)
                yield from response.iter_bytes(1 << 18)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error

    def remove(self, copy_id: str) -> None:
        self._call("DELETE", f"/v1/backups/{copy_id}", also=(404,))

    def erasures(self) -> list[Mapping[str, Any]]:
        return list(self._json("GET", "/v1/erasures")["results"])

    def _json(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        return dict(self._call(method, path, **given).json())

    def _call(self, method: str, path: str, *, also: tuple[int, ...] = (), **given: Any) -> httpx.Response:
        try:
            response = self._client.request(method, path, **given)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        if not response.is_success and response.status_code not in also:
            raise _refused(response)
        return response


def _gone() -> NoReturn:
    raise BackupError(TENANT_REFUSED, "the tenant has removed its copy before it was fetched")


def _unreachable(error: httpx.HTTPError) -> BackupError:
    return BackupError(TENANT_UNREACHABLE, f"the tenant does not answer: {error or type(error).__name__}")


def _refused(response: httpx.Response) -> BackupError:
    try:
        said = response.json().get("detail") or response.text
    except ValueError:
        said = response.text
    reason = TENANT_FULL if response.status_code == 507 else TENANT_REFUSED
    return BackupError(reason, f"the tenant answers {response.status_code}: {' '.join(str(said).split())[:300]}")

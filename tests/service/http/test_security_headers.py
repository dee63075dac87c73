"""Whatever is answered, a browser and a cache are told what it is."""

import httpx
import pytest

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize("path", ["/livez", "/memory_stats", "/v1/users", "/nowhere", "/v1/export"])
async def test_every_answer_has_them_once(client: httpx.AsyncClient, path: str) -> None:
    for answer in (await client.get(path), await client.get(path, headers={"Authorization": "Bearer wrong"})):
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name) == [value], (path, answer.status_code)

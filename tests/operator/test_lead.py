"""Leadership when the API server hangs: a leader stops before another may begin."""

import asyncio
import time

import pytest

from memorybank_operator import lead
from memorybank_operator.cluster import Cluster
from memorybank_operator.kubeconfig import Connection

from .bytes_server import listening

NO_LEASE = b'HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{"kind":"Status"}'
LEASE = b'{"kind":"Lease","metadata":{"name":"memorybank-operator","resourceVersion":"1"}}'
MADE = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(LEASE), LEASE)


async def test_a_leader_whose_renewal_hangs_gives_up_before_its_lease_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(lead, "GIVE_UP_SECONDS", 0.3)
    answers = iter([NO_LEASE, MADE])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split(b":")[1]))
            writer.write(next(answers, b""))  # then never again

    async with listening(serve) as port, Cluster(Connection(f"http://127.0.0.1:{port}")) as cluster:
        leadership = lead.Leadership(cluster, "memorybank-system", "operator-0")
        await leadership.acquire()
        began = time.monotonic()
        keeping = asyncio.create_task(leadership.keep())
        async with asyncio.timeout(5):
            await leadership.lost.wait()
        assert time.monotonic() - began < 1
        await keeping

"""Many memories in little time: an export of some, multiplied, with vectors that need not be made again."""

from __future__ import annotations

import io
import json
import uuid

from memorybank import MemoryBankClient


def multiply(bank: MemoryBankClient, times: int) -> int:
    """So many copies of each memory there is, with words of their own, are taken in; how many."""
    exported = io.BytesIO()
    bank.export_to(exported)
    lines = [json.loads(line) for line in exported.getvalue().splitlines()]
    head, some = lines[0], [line for line in lines if line["type"] == "memory"]
    copies = [
        {**memory, "id": str(uuid.uuid4()), "content": f"{memory['content']} It was said {number} times."}
        for number in range(2, times + 2)
        for memory in some
    ]
    counts = dict.fromkeys(head["counts"], 0) | {"memories": len(copies)}
    text = "".join(json.dumps(line) + "\n" for line in [{**head, "counts": counts}, *copies, {"type": "end", **counts}])
    job = bank.import_(io.BytesIO(text.encode()), wait=True)
    assert job.result is not None
    assert job.result["refused"] == 0, job.result
    return len(copies)

"""Runs in an environment of mem0's own: calls its official client as it is told, and says what came of it, in lines.

    {"client": "MemoryClient", "method": "add", "args": ["I like tea."], "kwargs": {"user_id": "ada"}}

Whatever would leave this machine is refused, and ends the run.
"""

import asyncio
import inspect
import json
import os
import socket
import sys
import warnings
from typing import Any

os.environ["MEM0_TELEMETRY"] = "False"
warnings.simplefilter("ignore")
_connect = socket.socket.connect


def connect(self: socket.socket, address: Any) -> None:
    if address[0] not in ("127.0.0.1", "::1"):
        sys.stderr.write(f"the client connects to {address}\n")
        sys.stderr.flush()
        os._exit(3)
    _connect(self, address)


socket.socket.connect = connect  # type: ignore[method-assign,assignment]


async def main() -> None:
    import mem0  # type: ignore[import-not-found]

    clients: dict[str, Any] = {}
    for line in sys.stdin:
        order = json.loads(line)
        try:
            name = json.dumps([order["client"], order["host"], order["key"]])
            if name not in clients:
                clients[name] = getattr(mem0, order["client"])(api_key=order["key"], host=order["host"])
            target: Any = clients[name]
            for part in order["method"].split("."):
                target = getattr(target, part)
            result = target(*order["args"], **order["kwargs"]) if callable(target) else target
            outcome = {"result": await result if inspect.isawaitable(result) else result}
        except Exception as error:  # is what the test asked about
            outcome = {"error": type(error).__name__, "message": str(error), "code": getattr(error, "error_code", None)}
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()


asyncio.run(main())

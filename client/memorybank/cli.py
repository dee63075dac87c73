"""The `memorybank` command: a tenant's memory from the shell."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memorybank.client import MemoryBankClient
from memorybank.errors import ApiError, MemoryBankError
from memorybank.wire import rfc3339

EXAMPLES = r"""\
examples:
  export MEMORYBANK_URL=http://customer1.memorybank.localhost
  export MEMORYBANK_API_KEY=$(kubectl -n customers get secret customer1-api-key \
      -o jsonpath='{.data.api-key}' | base64 -d)
  memorybank store "Ada takes the night train to Vienna" --user ada
  memorybank search "how does Ada travel?" --user ada
  memorybank stats

exit status: 0 done, 1 refused by the service, 2 wrong use, 3 no answer from the service
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        with MemoryBankClient(options.url, _key(options.api_key_file)) as client:
            answer = _run(client, options)
    except ValueError as error:  # a key that is no text, or that no header can carry; raised before anything is sent
        return _fail(2, "the key cannot be used: it is not UTF-8" if isinstance(error, UnicodeError) else str(error))
    except ApiError as error:
        return _fail(1, str(error))
    except MemoryBankError as error:
        return _fail(3, str(error))
    except OSError as error:
        return _fail(2, f"--api-key-file {options.api_key_file}: {error.strerror}")
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    return 0


def _run(client: MemoryBankClient, options: argparse.Namespace) -> Any:
    metadata = {} if getattr(options, "user", None) is None else {"user_id": options.user}
    match options.command:
        case "store":
            return {"memory_id": client.store_memory(options.content, metadata), "status": "stored"}
        case "search":
            return [
                {**vars(found), "timestamp": rfc3339(found.timestamp)}
                for found in client.retrieve_memories(options.query, options.top_k, metadata)
            ]
        case "forget":
            client.forget_memory(options.memory_id)
            return {"memory_id": options.memory_id, "status": "deleted"}
        case "stats":
            return client.get_memory_stats()
        case "forgetting":
            return client.run_forgetting_curve()
        case _:
            return client.health_check()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="memorybank",
        description="Stores, finds and forgets a tenant's memories.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--url",
        default=os.environ.get("MEMORYBANK_URL", "http://127.0.0.1:8000"),
        help="the tenant's address; default: $MEMORYBANK_URL, else %(default)s",
    )
    parser.add_argument(
        "--api-key-file",
        type=Path,
        help="a file with the tenant's key, or - for standard input; default: $MEMORYBANK_API_KEY",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    store = commands.add_parser("store", help="store what was said")
    store.add_argument("content")
    store.add_argument("--user", help="whose memory it is")
    search = commands.add_parser("search", help="find memories, best first")
    search.add_argument("query")
    search.add_argument("--user", help="whose memories; default: the whole tenant's")
    search.add_argument("--top-k", type=int, default=3, metavar="N", help="how many at most (default %(default)s)")
    forget = commands.add_parser("forget", help="delete one memory for good")
    forget.add_argument("memory_id")
    commands.add_parser("stats", help="how many memories there are, and since when")
    forgetting = commands.add_parser("forgetting", help="the forgetting curve")
    forgetting.add_argument("action", choices=["run"], help="run it now")
    commands.add_parser("health", help="whether the tenant answers")
    return parser


def _key(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get("MEMORYBANK_API_KEY")
    return (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()


def _fail(status: int, message: str) -> int:
    sys.stderr.write(f"memorybank: {message}\n")
    return status

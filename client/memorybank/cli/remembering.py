"""What one does with memories: store, search, chat, forget."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from memorybank.call import given
from memorybank.cli.arguments import EVERY_USER, add_scope, json_object, moment, pair
from memorybank.cli.command import Command
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column

if TYPE_CHECKING:
    from memorybank import MemoryBankClient


def _store(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    return client.add(
        sys.stdin.read() if options.content == "-" else options.content,
        user_id=options.user,
        agent_id=options.agent,
        run_id=options.run,
        speaker=options.speaker,
        created_at=options.at,
        metadata=dict(options.metadata) or None,
        importance=options.importance,
        pinned=options.pin or None,
        expires_at=options.expires_at,
        id=options.id,
        infer=options.infer,
    )


def _store_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("content", metavar="TEXT", help="what was said; - for standard input")
    add_scope(parser, user="whose memory it is; default: nobody's in particular")
    parser.add_argument("--speaker", metavar="NAME", help="who said it")
    parser.add_argument("--at", type=moment, metavar="TIME", help="when it was said; default: now")
    parser.add_argument(
        "--metadata", type=pair, action="append", default=[], metavar="KEY=VALUE", help="kept with it; repeatable"
    )
    parser.add_argument("--importance", type=float, metavar="0..1", help="default 0.5")
    parser.add_argument("--pin", action="store_true", help="it never fades")
    parser.add_argument("--expires-at", type=moment, metavar="TIME", help="from when it is not found any more")
    parser.add_argument("--id", help="an id of yours: storing it again with the same text changes nothing")
    parser.add_argument("--infer", action="store_true", help="also draw facts from it, by the tenant's language model")


def _search(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    found = client.search(
        options.query,
        user_id=EVERY_USER if options.user is None else options.user,
        agent_id=options.agent,
        run_id=options.run,
        filters=options.filters,
        top_k=options.top_k,
        threshold=options.threshold,
        reference_date=options.as_of,
        include=options.include,
        neighbors=options.neighbors,
        reinforce=options.reinforce,
        explain=options.explain,
    )
    for sentence in found.degraded:
        sys.stderr.write(f"memorybank: {sentence}\n")
    return list(found)


def _search_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("query", metavar="TEXT")
    add_scope(parser, user="whose memories; default: everyone's, for which the key needs the scope admin")
    parser.add_argument("--top-k", type=int, default=10, metavar="N", help="how many at most (default %(default)s)")
    parser.add_argument("--threshold", type=float, metavar="0..1", help="the least similarity")
    parser.add_argument("--filters", type=json_object, metavar="JSON", help="of fields and metadata, AND, OR and NOT")
    parser.add_argument(
        "--neighbors", type=int, metavar="N", help="with each, so many turns before and after it (in JSON)"
    )
    parser.add_argument("--as-of", type=moment, metavar="TIME", help='what "yesterday" in the query is counted from')
    parser.add_argument(
        "--include",
        action="append",
        choices=["faded", "expired", "superseded"],
        help="also memories of this state; repeatable",
    )
    parser.add_argument("--no-reinforce", dest="reinforce", action="store_false", help="count no recall")
    parser.add_argument("--explain", action="store_true", help="with how each score came to be")


def _chat(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    return client.chat(
        options.query,
        model=options.model,
        system_prompt=options.system_prompt,
        metadata=given({"user_id": options.user, "session_id": options.run}),
    )


def _chat_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("query", metavar="TEXT")
    parser.add_argument("--user", metavar="ID", help="who asks, and whose memories it goes by")
    parser.add_argument("--run", metavar="ID", help="the conversation it belongs to")
    parser.add_argument("--model", help="default: the tenant's")
    parser.add_argument("--system-prompt", metavar="TEXT")


def _forget(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    client.delete(options.memory_id)
    return {"memory_id": options.memory_id, "status": "deleted"}


def _forget_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("memory_id", metavar="ID")


COMMANDS = [
    Command(
        "store",
        "store what was said",
        _store,
        _store_arguments,
        """\
  memorybank store "Ada takes the night train to Vienna" --user ada
  memorybank store "Tea is at five" --user ada --metadata topic=tea --metadata cups=2 --at 2027-01-15T16:00:00Z
  fortune | memorybank store - --user ada""",
    ),
    Command(
        "search",
        "find memories, best first",
        _search,
        _search_arguments,
        """\
  memorybank search "how does Ada travel?" --user ada -o table
  memorybank search tea --user ada --filters '{"topic": "tea", "created_at": {"gte": "2027-01-01"}}'
  memorybank search "where did we go yesterday?" --user ada --as-of 2027-01-15
  memorybank search "the old address" --user ada --include faded --no-reinforce""",
        columns=[
            Column("SCORE", lambda found: found.score),
            Column("RETENTION", lambda found: found.retention),
            Column("USER", lambda found: found.user_id),
            Column("SAID", lambda found: f"{found.created_at:%Y-%m-%d %H:%M}"),
            Column("CONTENT", lambda found: found.content, stretches=True),
            Column("ID", lambda found: found.id),
        ],
    ),
    Command(
        "chat",
        "ask the tenant's language model, which knows the memories",
        _chat,
        _chat_arguments,
        """\
  memorybank chat "What should I cook for Ada?" --user ada -o table""",
    ),
    Command(
        "forget",
        "delete one memory for good",
        _forget,
        _forget_arguments,
        """\
  memorybank forget 0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e""",
    ),
]

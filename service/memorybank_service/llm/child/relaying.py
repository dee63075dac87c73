"""A conversation in OpenAI's form through litellm, whichever provider it is for; answers in that form too."""

import json
from collections.abc import Callable
from typing import Any

from memorybank_service.llm.calls import Failure, RelayCall, Said
from memorybank_service.llm.child.providers import UnreadableError, common, guarded, said


async def complete(litellm: Any, call: RelayCall) -> Said | Failure:
    """The text of the result is the whole answer, as JSON."""

    async def ask() -> Said:
        answer = await litellm.acompletion(**json.loads(call.body), **common(call))
        shown = _shown(answer)
        if not shown.get("choices"):
            raise UnreadableError
        return said(json.dumps(shown), answer)

    return await guarded(ask, call)


async def stream(litellm: Any, call: RelayCall, take: Callable[[str], None]) -> Said | Failure:
    """Gives each chunk to `take`, as JSON; the text of the result is the words of them all."""

    async def ask() -> Said:
        chunks = await litellm.acompletion(
            **json.loads(call.body), **common(call), stream=True, stream_options={"include_usage": True}
        )
        text, last = "", None
        held: list[dict[str, Any]] | None = []  # until something is said: then it is an answer
        async for chunk in chunks:
            shown = _shown(chunk)
            last = chunk if "usage" in shown else last
            if not any(choice.get("delta") or choice.get("finish_reason") for choice in shown["choices"]):
                shown["choices"] = []  # as OpenAI has the chunk that tells of the usage
                if "usage" not in shown:
                    continue
            text += "".join((choice.get("delta") or {}).get("content") or "" for choice in shown["choices"][:1])
            if held is None:
                take(json.dumps(shown))
            else:
                held.append(shown)
                if any((choice.get("delta") or {}).keys() - {"role"} for choice in shown["choices"]):
                    for one in held:
                        take(json.dumps(one))
                    held = None
        if held is not None:
            raise UnreadableError
        return said(text, last)

    return await guarded(ask, call)


def _shown(answer: Any) -> dict[str, Any]:
    """As OpenAI's API has it, without what litellm keeps there for itself."""
    shown: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True)
    for choice in shown.setdefault("choices", []):
        for name in ("message", "delta"):
            choice.get(name, {}).pop("provider_specific_fields", None)
        choice.pop("provider_specific_fields", None)
    return {name: value for name, value in shown.items() if not name.startswith("_")}

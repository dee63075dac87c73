"""The client knows each field of the service's answers, as the service itself describes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import httpx
import pytest

import memorybank as m
from memorybank.decode import as_
from memorybank.record import Record
from tests.client.conftest import Service

KINDS: dict[str, type[Record]] = {
    "MemoryAnswer": m.Memory,
    "AddedOne": m.AddedMemory,
    "AddedMemory": m.AddedMemory,
    "AddedConversation": m.AddedMemories,
    "AddedBatch": m.AddedIds,
    "AddedId": m.AddedId,
    "FoundMemoryAnswer": m.SearchResult,
    "SearchAnswer": m.SearchResults,
    "ContextAnswer": m.Context,
    "OutlookAnswer": m.Outlook,
    "EventAnswer": m.Event,
    "RunAnswer": m.ForgettingRun,
    "UserAnswer": m.User,
    "ProfileAnswer": m.Profile,
    "SummariesAnswer": m.Summaries,
    "TimelineAnswer": m.Timeline,
    "DayAnswer": m.Day,
    "MadeAnswer": m.Made,
    "memorybank_service__http__v1__jobs__JobAnswer": m.Job,
    "BackupAnswer": m.Backup,
    "ErasureAnswer": m.Erasure,
    "ErasedAnswer": m.ErasureReceipt,
    "ChatAnswer": m.ChatAnswer,
    "RetrievedMemory": m.FoundMemory,
}
ASKED: dict[str, Callable[..., Any]] = {
    "NewMemoryRequest": m.MemoryBankClient.add,
    "ConversationRequest": m.MemoryBankClient.add_messages,
    "PatchRequest": m.MemoryBankClient.update,
    "SearchRequest": m.MemoryBankClient.search,
    "ContextRequest": m.MemoryBankClient.context,
    "RunRequest": m.MemoryBankClient.forgetting_run,
    "ChatRequest": m.MemoryBankClient.chat,
}


@pytest.fixture(scope="module")
def schemas(service: Service) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = httpx.get(f"{service.url}/openapi.json").json()["components"]["schemas"]
    return found


@pytest.mark.parametrize("name", KINDS)
def test_every_field_is_known(name: str, schemas: dict[str, dict[str, Any]]) -> None:
    kind = KINDS[name]
    known = {field.name for field in fields(kind)} | kind.aliases

    assert set(schemas[name]["properties"]) - known - {"status"} == set()


@pytest.mark.parametrize("name", KINDS)
def test_every_example_is_understood(name: str, schemas: dict[str, dict[str, Any]]) -> None:
    for example in schemas[name].get("examples", []):
        assert as_(KINDS[name])(example).extra.keys() <= {"status"}


@pytest.mark.parametrize("name", ASKED)
def test_everything_can_be_asked(name: str, schemas: dict[str, dict[str, Any]]) -> None:
    arguments = inspect.signature(ASKED[name]).parameters

    assert schemas[name]["properties"].keys() - arguments.keys() <= {"session_id"}

"""The package as somebody finds it: its public names, its weight, and what an editor shows of it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import memorybank
from memorybank import AsyncMemoryBankClient, MemoryBankClient

OF_THE_CLIENTS_OWN = {"close", "with_options"}


def methods(kind: type[object]) -> dict[str, Callable[..., Any]]:
    return {name: member for name, member in inspect.getmembers(kind, callable) if not name.startswith("_")}


def test_both_clients_have_the_same_methods_with_the_same_arguments_and_words() -> None:
    one, other = methods(MemoryBankClient), methods(AsyncMemoryBankClient)

    assert one.keys() == other.keys()
    for name in one.keys() - OF_THE_CLIENTS_OWN:
        here, there = inspect.signature(one[name]), inspect.signature(other[name])
        assert here.parameters == there.parameters, name
        assert inspect.getdoc(one[name]) == inspect.getdoc(other[name])


def test_every_public_method_says_what_it_does() -> None:
    assert [name for name, method in methods(MemoryBankClient).items() if not inspect.getdoc(method)] == []


def test_a_method_shows_its_own_arguments_and_result() -> None:
    assert str(inspect.signature(MemoryBankClient.store_memory)) == (
        "(self, /, content: 'str', metadata: 'Mapping[str, Any] | None' = None, *, "
        "idempotency_key: 'str | None' = None) -> 'str'"
    )
    with MemoryBankClient("http://tenant") as bank:
        assert next(iter(inspect.signature(bank.store_memory).parameters)) == "content"


def test_every_public_name_is_there() -> None:
    assert [name for name in memorybank.__all__ if not hasattr(memorybank, name)] == []


def test_importing_it_imports_no_http_library_and_no_event_loop() -> None:
    heavy = ("httpx", "anyio", "asyncio", "ssl", "http.client", "email")
    program = f"import sys, memorybank, memorybank.cli; print([m for m in {heavy!r} if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert printed.strip() == "[]"

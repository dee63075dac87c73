"""The child's side: handlers answer calls that arrive on standard input, until it ends.

The end of standard input means that the service is gone or wants nothing more: the process ends at once, whatever its
handlers are doing. So whoever is called through here must be able to lose what it was at.
"""

import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

from memorybank_service.children.messages import LARGEST_MESSAGE, decode, encode

_LONGEST_ERROR = 2_000


def serve_child(handlers: Mapping[str, Callable[..., Any]], threads: int = 1) -> None:
    """Never returns. Handlers are called with the arguments of `Child.call`, at most `threads` at a time.

    What a library prints goes nowhere: it may be a memory's text. A handler says what is worth saying in its answer.
    """
    calls, answers = _take_over_standard_streams()
    writing = Lock()

    def serve(number: int, method: str, arguments: tuple[Any, ...]) -> None:
        answer = _answer(number, handlers, method, arguments)
        with writing:
            answers.send_bytes(answer)

    pool = ThreadPoolExecutor(threads, thread_name_prefix="handler")
    try:
        while True:
            pool.submit(serve, *decode(calls.recv_bytes(LARGEST_MESSAGE)))
    except EOFError:
        os._exit(0)
    except BaseException:  # whatever it is, nothing here may outlive the connection, neither threads nor exit handlers
        os._exit(1)


def _take_over_standard_streams() -> tuple["Connection[Any, Any]", "Connection[Any, Any]"]:
    """Moves the pipes to other numbers, so that no library reads or prints into them."""
    calls = Connection(os.dup(0), writable=False)
    answers = Connection(os.dup(1), readable=False)
    sys.stdout.flush()
    sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)
    return calls, answers


def _answer(number: int, handlers: Mapping[str, Callable[..., Any]], method: str, arguments: tuple[Any, ...]) -> bytes:
    try:
        return encode((number, True, handlers[method](*arguments)))
    except BaseException as error:  # the caller is told, as an executor does; an unanswered call would get it killed
        kind, message = type(error).__name__, str(error)
        return encode((number, False, (kind, message[:_LONGEST_ERROR])))

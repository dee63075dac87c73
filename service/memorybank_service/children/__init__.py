"""Child processes for what does not belong into the service's own.

Some libraries hold the interpreter for a quarter of a second, cost a hundred megabytes, or end the process with a
segmentation fault on a damaged file. Each of them lives in a child: a program started when it is first called, that
answers calls over two pipes, that the service survives, and whose memory is given back when nobody calls.

    child.Child            the service's handle on it: calls start it, and start it again when it is gone
    serving.serve_child    what the child's program runs

    ChildError             a call gave no result
      ChildEndedError      the child ended, could not start, or did not keep to the protocol
      ChildTimeoutError    no answer in time; the child was killed
      HandlerError         the child answered that its handler raised; it lives on
"""


class ChildError(Exception):
    pass


class ChildEndedError(ChildError):
    pass


class ChildTimeoutError(ChildError):
    pass


class HandlerError(ChildError):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message
        """The exception's class, by name, and its text."""

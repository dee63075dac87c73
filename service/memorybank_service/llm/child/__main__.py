from memorybank_service.children.serving import serve_child
from memorybank_service.llm.child.asking import Asking

THREADS = 48
"""More than the service has calls under way at once, so that one that cancels always finds one free."""

if __name__ == "__main__":
    asking = Asking()
    serve_child(
        {
            "prepare": asking.prepare,
            "complete": asking.complete,
            "relay": asking.relay,
            "embed": asking.embed,
            "open_stream": asking.open_stream,
            "next_pieces": asking.next_pieces,
            "cancel": asking.cancel,
        },
        threads=THREADS,
    )

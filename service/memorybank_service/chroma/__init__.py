"""Chroma, in a process of its own: it holds the interpreter while it writes, and a damaged file of its ends the process
with a segmentation fault.

    process.ChromaProcess    the service's handle on that process
    engine.Engine            Chroma as the process uses it
    __main__                 the process's program

What it keeps are vectors under the memories' numbers and nothing else, neither texts nor users.
"""

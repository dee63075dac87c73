"""The service's API, each endpoint described once: what is sent, and how the answer is read. No network here.

A function's arguments and words are those of the clients' methods; what it returns is a `Call`, steps, pages or lines.
"""

"""The program that asks model providers through litellm.

Importing litellm takes seconds and some 200 MB and holds the interpreter meanwhile, so it happens here: in a process
that is started at the first need, asks for many at once, and ends when nobody has asked for a while.
"""

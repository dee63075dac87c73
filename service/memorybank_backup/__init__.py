"""Backups of a tenant outside its volume: taken while it serves, restored into an empty one, and tried out.

A program of its own, for pods that run once: it speaks to the tenant over HTTP, and to a destination, which is a folder
(a volume) or a bucket (S3).
"""

"""The two images, built from `images/*.Dockerfile` by whichever engine this machine has.

Where a Docker engine answers, it builds on the Dockerfiles' own base image. Elsewhere buildah builds the same
Dockerfiles without a network: on a base made from Debian's packages, from wheels that were downloaded and checked
against the locks before. Each built image lies as an archive in the user's cache, named by the digest of all that went
into it, so that nothing is built twice and nothing stale is used.
"""

from e2e.images.build import PROGRAMS, Image, archive

__all__ = ["PROGRAMS", "Image", "archive"]

"""What is in an image, read from the image itself: its Python distributions, and its Debian packages."""

from __future__ import annotations

import email.parser
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from typing import IO, Final

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_METADATA: Final = re.compile(r"(^|/)[^/]+\.dist-info/METADATA$")
_PACKAGES: Final = "var/lib/dpkg/status"


def bill_of(image: tarfile.TarFile, name: str, version: str) -> str:
    """A bill of materials in CycloneDX's JSON, of an archive that Docker loads."""
    bom = Bom(components=sorted(_components(image)))
    whole = bom.metadata.component = Component(name=name, version=version, type=ComponentType.CONTAINER)
    bom.register_dependency(whole, bom.components)
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _components(image: tarfile.TarFile) -> Iterator[Component]:
    """Each once, as the topmost layer that has its file says."""
    found: dict[str, list[Component]] = {}
    for path, content in _files(image):
        if _METADATA.search(path):
            found[path] = [_distribution(content)]
        elif path == _PACKAGES:
            found[path] = list(_debian(content.decode()))
    seen = set[str]()
    for components in found.values():
        for one in components:
            if str(one.purl) not in seen:
                seen.add(str(one.purl))
                yield one


def _files(image: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Those that say what is installed, layer by layer."""
    manifest = json.loads(_opened(image, "manifest.json").read())
    for layer in manifest[0]["Layers"]:
        with tarfile.open(fileobj=_opened(image, layer)) as files:
            for member in files:
                path = member.name.removeprefix("./")
                if member.isfile() and (_METADATA.search(path) or path == _PACKAGES):
                    yield path, _opened(files, member).read()


def _opened(archive: tarfile.TarFile, name: str | tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file


def _distribution(metadata: bytes) -> Component:
    told = email.parser.BytesHeaderParser().parsebytes(metadata)
    name, version = str(told["Name"]), str(told["Version"])
    normal = re.sub(r"[-_.]+", "-", name).lower()
    return Component(
        name=name, version=version, type=ComponentType.LIBRARY, purl=PackageURL("pypi", None, normal, version)
    )


def _debian(status: str) -> Iterator[Component]:
    for paragraph in status.split("\n\n"):
        fields = dict(_fields(paragraph.splitlines()))
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            purl = PackageURL("deb", "debian", name, version, {"arch": fields["Architecture"]})
            yield Component(name=name, version=version, type=ComponentType.LIBRARY, purl=purl)


def _fields(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, separator, value = line.partition(": ")
        if separator and not line.startswith(" "):
            yield name, value

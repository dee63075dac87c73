"""Images without an image builder: one static program in one layer, as an archive that containerd and Docker load."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

USER = 65532


def write_image(archive: Path, name: str, program: Path) -> None:
    """Writes the image NAME that runs `program` without privileges. The same program gives the same bytes."""
    layer = _layer(program)
    config = _document(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": f"{USER}:{USER}", "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
        }
    )
    files = {
        f"{_digest(config)}.json": config,
        f"{_digest(layer)}/layer.tar": layer,
        "manifest.json": _document(
            [{"Config": f"{_digest(config)}.json", "RepoTags": [name], "Layers": [f"{_digest(layer)}/layer.tar"]}]
        ),
    }
    with tarfile.open(archive, "w") as tar:
        for path, content in files.items():
            _add(tar, path, content, 0o644)


def image_identity(archive: Path) -> tuple[str, str]:
    """An archive's image by its name and its configuration's digest, which changes with every byte of it.

    Raises ValueError for what is no archive of exactly one named image.
    """
    try:
        with tarfile.open(archive) as tar:
            manifest = _manifest(tar)
            [[name]] = [manifest[0]["RepoTags"]] if len(manifest) == 1 else [[]]
            return str(name), Path(manifest[0]["Config"]).name.removesuffix(".json")
    except (tarfile.TarError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{archive} is not a docker-archive of one named image ({error})") from error


def rename_image(archive: Path, target: Path, name: str) -> None:
    """The same image under another name, in another archive."""
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        [image] = _manifest(old)
        for member in old:
            if member.name == "manifest.json":
                _add(new, member.name, _document([{**image, "RepoTags": [name]}]), 0o644)
            elif member.name != "repositories":  # the name in an older form
                new.addfile(member, old.extractfile(member) if member.isfile() else None)


def _manifest(tar: tarfile.TarFile) -> Any:
    file = tar.extractfile("manifest.json")
    if file is None:
        raise ValueError("manifest.json is no file")
    return json.load(file)


def _layer(program: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add(tar, program.name, program.read_bytes(), 0o755)
        directory = tarfile.TarInfo("tmp")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(directory)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _document(value: Mapping[str, Any] | list[Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""The files of the local model: where they lie, and that they are what was converted."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

REMEDY = "make it with `make setup`, or set MEMORYBANK_MODEL_DIR to where it lies"


class ModelError(Exception):
    """The model cannot be used; the message is one line that says why and what to do."""


@dataclass(frozen=True)
class ModelFiles:
    name: str
    dimension: int
    max_tokens: int
    graph: Path
    tokenizer: Path


def find_model(directory: Path) -> ModelFiles:
    """The verified files in `directory`. Raises ModelError if one is missing or altered."""
    manifest_file = directory / "manifest.json"
    try:
        manifest = json.loads(manifest_file.read_bytes())
        files = ModelFiles(
            name=manifest["name"],
            dimension=int(manifest["dimension"]),
            max_tokens=int(manifest["maxTokens"]),
            graph=directory / "model.onnx",
            tokenizer=directory / "tokenizer.json",
        )
        expected = {path: manifest["sha256"][path.name] for path in (files.graph, files.tokenizer)}
    except OSError as error:
        raise ModelError(f"no embedding model in {directory} ({error.strerror}); {REMEDY}") from None
    except (ValueError, KeyError, TypeError):
        raise ModelError(f"{manifest_file} is no manifest of an embedding model; {REMEDY}") from None
    for path, digest in expected.items():
        _check_digest(path, digest)
    return files


def _check_digest(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); {REMEDY}") from None
    if digest != expected:
        raise ModelError(f"{path} is not the file its manifest names (digest {digest[:12]}…); {REMEDY}")

"""The image archives that are written without an image builder."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from e2e.cluster.archive import image_identity, write_image

NAME = "localhost/memorybank/greeter:dev"


@pytest.fixture
def greeter(tmp_path: Path) -> Path:
    path = tmp_path / "greeter"
    path.write_bytes(b"a static program")
    return path


def test_an_image_holds_the_program_and_runs_it_without_privileges(greeter: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "image.tar", NAME, greeter)
    with tarfile.open(tmp_path / "image.tar") as tar:
        [manifest] = json.loads(_content(tar, "manifest.json"))
        config = json.loads(_content(tar, manifest["Config"]))
        layer = _content(tar, manifest["Layers"][0])
    assert config["config"]["Entrypoint"] == ["/greeter"]
    assert config["config"]["User"] == "65532:65532"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as inside:
        assert inside.getmember("greeter").mode == 0o755
        assert _content(inside, "greeter") == b"a static program"


def test_the_same_program_gives_the_same_bytes(greeter: Path, tmp_path: Path) -> None:
    for archive in ("one.tar", "two.tar"):
        write_image(tmp_path / archive, NAME, greeter)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_an_image_is_known_by_its_name_and_changes_identity_with_its_program(greeter: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "one.tar", NAME, greeter)
    greeter.write_bytes(b"another program")
    write_image(tmp_path / "two.tar", NAME, greeter)
    (name, one), (same, two) = image_identity(tmp_path / "one.tar"), image_identity(tmp_path / "two.tar")
    assert name == same == NAME
    assert one != two


def test_what_is_no_archive_of_an_image_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "letter.tar").write_text("dear node")
    with pytest.raises(ValueError, match=r"letter\.tar is not a docker-archive of one named image"):
        image_identity(tmp_path / "letter.tar")


def test_an_archive_of_two_images_is_refused(tmp_path: Path) -> None:
    document = json.dumps([{"Config": "a.json", "RepoTags": ["a"]}, {"Config": "b.json", "RepoTags": ["b"]}]).encode()
    with tarfile.open(tmp_path / "two.tar", "w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(document)
        tar.addfile(entry, io.BytesIO(document))
    with pytest.raises(ValueError, match="one named image"):
        image_identity(tmp_path / "two.tar")


def _content(tar: tarfile.TarFile, path: str) -> bytes:
    file = tar.extractfile(path)
    assert file
    return file.read()

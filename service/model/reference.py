"""The same model in float64 with numpy alone: what the graph's numbers are checked against."""

import math

import numpy as np
from graph import EPSILON, HEAD_WIDTH, HEADS, LAYERS, WIDTH, Weights
from numpy.typing import NDArray

Array = NDArray[np.float64]
_erf = np.vectorize(math.erf, otypes=[np.float64])


def forward(weights: Weights, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Array:
    """Vectors of length 1, shape (batch, 384), of token ids and their mask, each of shape (batch, tokens)."""

    def weight(name: str) -> Array:
        return weights[name].astype(np.float64)

    def linear(value: Array, name: str) -> Array:
        return value @ weight(f"{name}.weight").T + weight(f"{name}.bias")

    def layer_norm(value: Array, name: str) -> Array:
        centred = value - value.mean(-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return centred / spread * weight(f"{name}.weight") + weight(f"{name}.bias")

    batch, tokens = ids.shape

    def heads(value: Array) -> Array:
        return value.reshape(batch, tokens, HEADS, HEAD_WIDTH).transpose(0, 2, 1, 3)

    hidden: Array = layer_norm(
        weight("embeddings.word_embeddings.weight")[ids]
        + weight("embeddings.position_embeddings.weight")[:tokens]
        + weight("embeddings.token_type_embeddings.weight")[0],
        "embeddings.LayerNorm",
    )
    bias = np.where(mask[:, None, None, :] == 1, 0.0, -np.inf)
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        query, key, value = (
            heads(linear(hidden, f"{layer}.attention.self.{part}")) for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(HEAD_WIDTH) + bias
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        context = (shares @ value).transpose(0, 2, 1, 3).reshape(batch, tokens, WIDTH)
        attended = linear(context, f"{layer}.attention.output.dense")
        hidden = layer_norm(attended + hidden, f"{layer}.attention.output.LayerNorm")
        wide = linear(hidden, f"{layer}.intermediate.dense")
        wide = wide * (1 + _erf(wide / math.sqrt(2))) / 2
        hidden = layer_norm(linear(wide, f"{layer}.output.dense") + hidden, f"{layer}.output.LayerNorm")
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    vectors: Array = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return vectors

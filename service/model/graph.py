"""The ONNX graph of all-MiniLM-L6-v2, built from its weights without torch.

Mean pooling and normalisation are part of the graph, so that what it puts out is the sentence's vector.
Inputs `input_ids` and `attention_mask` are int64 of shape (batch, tokens); output `embedding` is float32 of
shape (batch, 384), each row of length 1. Token types are left out: the model is only given single sentences.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LAYERS, WIDTH, HEADS, EPSILON = 6, 384, 12, 1e-12
HEAD_WIDTH = WIDTH // HEADS
OPSET, IR_VERSION = 17, 8  # read by every onnxruntime since 1.12

Weights = Mapping[str, NDArray[np.float32]]


class GraphBuilder:
    """Collects nodes and constants; every method returns the name of the value it makes."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def linear(self, value: str, weight: str, output: str) -> str:
        matrix = self.constant(f"{output}.weight", self.weights[f"{weight}.weight"].T)
        product = self.node("MatMul", [value, matrix], f"{output}.product")
        bias = self.constant(f"{output}.bias", self.weights[f"{weight}.bias"])
        return self.node("Add", [product, bias], output)

    def layer_norm(self, value: str, weight: str, output: str) -> str:
        scale = self.constant(f"{output}.scale", self.weights[f"{weight}.weight"])
        bias = self.constant(f"{output}.shift", self.weights[f"{weight}.bias"])
        return self.node("LayerNormalization", [value, scale, bias], output, axis=-1, epsilon=EPSILON)


def build(weights: Weights) -> onnx.ModelProto:
    """The checked model in float32; `weights` are BERT's, by their names without a prefix."""
    graph = GraphBuilder(weights)
    _shared_constants(graph)
    value = _embeddings(graph)
    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    bias = _attention_bias(graph, mask)
    for number in range(LAYERS):
        value = _layer(graph, value, bias, number)
    _pool(graph, value, mask)
    tokens = ["batch", "tokens"]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info(n, TensorProto.INT64, tokens) for n in ("input_ids", "attention_mask")],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", WIDTH])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="memorybank",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _shared_constants(graph: GraphBuilder) -> None:
    graph.constant("first", np.array([0], np.int64))
    graph.constant("second", np.array([1], np.int64))
    graph.constant("third", np.array([2], np.int64))
    graph.constant("middle", np.array([1, 2], np.int64))
    graph.constant("one", np.float32(1))
    graph.constant("half", np.float32(0.5))
    graph.constant("root_two", np.float32(math.sqrt(2)))
    graph.constant("masked_out", np.float32(-10000))
    graph.constant("attention_scale", np.float32(1 / math.sqrt(HEAD_WIDTH)))
    graph.constant("by_head", np.array([0, 0, HEADS, HEAD_WIDTH], np.int64))
    graph.constant("joined", np.array([0, 0, WIDTH], np.int64))


def _embeddings(graph: GraphBuilder) -> str:
    weights = graph.weights
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    # The one token type there is goes into the table of positions: one addition less.
    positions = weights["embeddings.position_embeddings.weight"]
    table = graph.constant("positions", positions + weights["embeddings.token_type_embeddings.weight"][0])
    looked_up = graph.node("Gather", [words, "input_ids"], "looked_up", axis=0)
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    placed = graph.node("Slice", [table, "first", length, "first"], "placed")
    return graph.layer_norm(graph.node("Add", [looked_up, placed], "summed"), "embeddings.LayerNorm", "embedded")


def _attention_bias(graph: GraphBuilder, mask: str) -> str:
    inverted = graph.node("Sub", ["one", mask], "inverted")
    spread = graph.node("Unsqueeze", [inverted, "middle"], "spread")
    return graph.node("Mul", [spread, "masked_out"], "attention_bias")


def _layer(graph: GraphBuilder, value: str, bias: str, number: int) -> str:
    weight, name = f"encoder.layer.{number}", f"layer{number}"
    split = {}
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        projected = graph.linear(value, f"{weight}.attention.self.{part}", f"{name}.{part}")
        heads = graph.node("Reshape", [projected, "by_head"], f"{name}.{part}.heads")
        split[part] = graph.node("Transpose", [heads], f"{name}.{part}.split", perm=order)
    match = graph.node("MatMul", [split["query"], split["key"]], f"{name}.match")
    scaled = graph.node("Mul", [match, "attention_scale"], f"{name}.scaled")
    biased = graph.node("Add", [scaled, bias], f"{name}.biased")
    shares = graph.node("Softmax", [biased], f"{name}.shares", axis=-1)
    context = graph.node("MatMul", [shares, split["value"]], f"{name}.context")
    merged = graph.node("Transpose", [context], f"{name}.merged", perm=[0, 2, 1, 3])
    flat = graph.node("Reshape", [merged, "joined"], f"{name}.flat")
    attended = graph.linear(flat, f"{weight}.attention.output.dense", f"{name}.attended")
    residual = graph.node("Add", [attended, value], f"{name}.residual")
    middle = graph.layer_norm(residual, f"{weight}.attention.output.LayerNorm", f"{name}.middle")
    wide = _gelu(graph, graph.linear(middle, f"{weight}.intermediate.dense", f"{name}.wide"), name)
    narrow = graph.linear(wide, f"{weight}.output.dense", f"{name}.narrow")
    closing = graph.node("Add", [narrow, middle], f"{name}.closing")
    return graph.layer_norm(closing, f"{weight}.output.LayerNorm", f"{name}.out")


def _gelu(graph: GraphBuilder, value: str, name: str) -> str:
    """x · (1 + erf(x / √2)) / 2: the exact form, which this model was trained with."""
    scaled = graph.node("Div", [value, "root_two"], f"{name}.gelu.scaled")
    erf = graph.node("Erf", [scaled], f"{name}.gelu.erf")
    raised = graph.node("Add", [erf, "one"], f"{name}.gelu.raised")
    product = graph.node("Mul", [value, raised], f"{name}.gelu.product")
    return graph.node("Mul", [product, "half"], f"{name}.gelu")


def _pool(graph: GraphBuilder, value: str, mask: str) -> None:
    column = graph.node("Unsqueeze", [mask, "third"], "mask_column")
    kept = graph.node("Mul", [value, column], "kept")
    total = graph.node("ReduceSum", [kept, "second"], "total", keepdims=0)
    count = graph.node("ReduceSum", [mask, "second"], "count", keepdims=1)
    mean = graph.node("Div", [total, count], "mean")
    graph.node("LpNormalization", [mean], "embedding", axis=1, p=2)

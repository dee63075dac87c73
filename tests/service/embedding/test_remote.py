"""The whole way: the embedder, the process of litellm, a provider on loopback."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.embedding import EmbeddingError, TextRefusedError
from memorybank_service.embedding.remote import BATCH_TOKENS, TEXT_TOKENS, RemoteEmbedder, batches, cut
from memorybank_service.llm.endpoint import embedding_model
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.llm.tokens import estimate_tokens
from memorybank_service.settings import load_settings
from tests.service.provider import (
    SMALL_DIMENSION,
    Provider,
    Reply,
    drops,
    embeds_as,
    garbage,
    hangs,
    huge,
    limits_rate,
    refuses,
    vector_of,
)

KEY = "sk-a-key-that-nobody-may-see"
MakeEmbedder = Callable[..., RemoteEmbedder]
GOOD = [1.0] + [0.0] * (SMALL_DIMENSION - 1)


@pytest.fixture
def make_embedder(provider_process: ProviderProcess, provider: Provider) -> MakeEmbedder:
    def make(model: str = "small", dimension: int = 0, seconds: float = 60.0, **variables: str) -> RemoteEmbedder:
        own = {"EMBEDDING_PROVIDER": "openai", "EMBEDDING_MODEL": model, "EMBEDDING_API_BASE": provider.base_url}
        settings = load_settings({"API_KEY": "k", "OPENAI_API_KEY": KEY, **own, **variables})
        endpoint = embedding_model(settings.embedding, settings).require()
        return RemoteEmbedder(endpoint, provider_process, dimension=dimension, seconds=seconds)

    return make


def test_a_text_has_a_vector_of_length_one_and_the_dimension_is_learned(
    make_embedder: MakeEmbedder, provider: Provider
) -> None:
    embedder = make_embedder()
    assert (embedder.name, embedder.dimension, embedder.at_once) == ("openai/small", 0, False)
    provider.embed(lambda request: embeds_as([[value * 7 for value in vector_of(text)] for text in request.texts]))
    [vector] = embedder.embed(["Ada lives in Vienna"])
    assert vector.dtype == np.float32
    assert vector == pytest.approx(vector_of("Ada lives in Vienna"), abs=1e-6)
    assert embedder.dimension == SMALL_DIMENSION
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_known_models_have_their_dimension_from_the_start(make_embedder: MakeEmbedder) -> None:
    embedder = make_embedder("text-embedding-3-small")
    assert embedder.dimension == 1536
    assert len(embedder.embed(["Ada"])[0]) == 1536


@pytest.mark.parametrize("embedding_provider", ["voyage", "mistral"])
def test_other_providers_are_asked_by_their_prefix(make_embedder: MakeEmbedder, embedding_provider: str) -> None:
    key = {f"{embedding_provider.upper()}_API_KEY": KEY}
    embedder = make_embedder(EMBEDDING_PROVIDER=embedding_provider, **key)
    [vector] = embedder.embed(["Ada"])
    assert (embedder.name, len(vector)) == (f"{embedding_provider}/small", SMALL_DIMENSION)


def test_many_texts_go_in_batches_and_come_back_in_their_order(make_embedder: MakeEmbedder, provider: Provider) -> None:
    texts = [f"text number {number}" for number in range(200)]
    vectors = make_embedder().embed(texts)
    assert [len(request.texts) for request in provider.requests] == [96, 96, 8]
    for text, vector in zip(texts, vectors, strict=True):
        assert vector == pytest.approx(vector_of(text), abs=1e-6)


def test_a_provider_that_answers_in_another_order_is_understood(
    make_embedder: MakeEmbedder, provider: Provider
) -> None:
    def reversed_order(_: object) -> Reply:
        data = b'{"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]}'
        return Reply(body=data)

    provider.embed(reversed_order)
    first, second = make_embedder().embed(["one", "other"])
    assert (first.tolist(), second.tolist()) == ([1, 0], [0, 1])


def test_the_same_text_is_asked_for_once(make_embedder: MakeEmbedder, provider: Provider) -> None:
    embedder = make_embedder()
    one, other, again = embedder.embed(["Ada", "Ben", "Ada"])
    assert one.tolist() == again.tolist() != other.tolist()
    embedder.embed(["Ben", "Ada"])
    assert [request.texts for request in provider.requests] == [["Ada", "Ben"]]


def test_what_came_before_an_error_need_not_be_asked_for_again(make_embedder: MakeEmbedder, provider: Provider) -> None:
    embedder = make_embedder()
    texts = [f"text number {number}" for number in range(100)]
    provider.embed(lambda request: refuses(500) if len(request.texts) < 96 else embeds_as([GOOD] * len(request.texts)))
    with pytest.raises(EmbeddingError):
        embedder.embed(texts)
    provider.embed(lambda request: embeds_as([GOOD] * len(request.texts)))
    embedder.embed(texts)
    assert [len(request.texts) for request in provider.requests] == [96, 4, 4]


@pytest.mark.parametrize(
    "reply",
    [
        embeds_as([]),
        embeds_as([GOOD]),
        embeds_as([GOOD, GOOD, GOOD]),
        embeds_as([GOOD, GOOD[:-1]]),
        embeds_as([[], []]),
        embeds_as([GOOD, [0.0] * SMALL_DIMENSION]),
        embeds_as([GOOD, [float("nan"), *GOOD[1:]]]),
        embeds_as([GOOD, [float("inf"), *GOOD[1:]]]),
        embeds_as([GOOD, [1e308] * SMALL_DIMENSION]),
        embeds_as([GOOD, [None, *GOOD[1:]]]),
        embeds_as([GOOD, ["1", *GOOD[1:]]]),
        embeds_as([GOOD, "AAAA"]),
        embeds_as([GOOD, {"0": 1}]),
        embeds_as([GOOD, None]),
        garbage(b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}'),
        garbage(b'{"data": [{"index": 0, "embedding": [1]}, {"index": 7, "embedding": [1]}]}'),
        garbage(b'{"data": {}}'),
        garbage(),
        huge(10),
        drops(),
        refuses(500),
        refuses(401),
        refuses(404),
    ],
    ids=str,
)
def test_a_bad_answer_is_no_vector(make_embedder: MakeEmbedder, provider: Provider, reply: Reply) -> None:
    embedder = make_embedder()
    provider.embed(reply)
    with pytest.raises(EmbeddingError) as caught:
        embedder.embed(["Ada's account is 4711", "Ben"])
    assert type(caught.value) is EmbeddingError
    assert embedder.name in str(caught.value)
    assert "4711" not in str(caught.value)
    provider.embed(lambda request: embeds_as([GOOD] * len(request.texts)))
    assert len(embedder.embed(["Ada's account is 4711", "Ben"])) == 2


def test_vectors_of_another_length_than_the_data_are_refused(make_embedder: MakeEmbedder) -> None:
    with pytest.raises(EmbeddingError, match="of length 64 instead of 128"):
        make_embedder(dimension=128).embed(["Ada"])


def test_a_text_that_is_refused_is_told_from_a_provider_that_fails(
    make_embedder: MakeEmbedder, provider: Provider
) -> None:
    provider.embed(refuses(400))
    with pytest.raises(TextRefusedError):
        make_embedder().embed(["Ada"])


def test_when_to_come_back_is_handed_on(make_embedder: MakeEmbedder, provider: Provider) -> None:
    provider.embed(limits_rate(17))
    with pytest.raises(EmbeddingError) as caught:
        make_embedder().embed(["Ada"])
    assert caught.value.retry_after == 17
    assert len(provider.requests) == 1


def test_a_provider_that_hangs_is_given_up(make_embedder: MakeEmbedder, provider: Provider) -> None:
    make_embedder().embed(["the process runs"])
    provider.embed(hangs())
    with pytest.raises(EmbeddingError, match="in time"):
        make_embedder(seconds=0.3).embed(["Ada"])


def test_litellm_is_not_in_this_process(make_embedder: MakeEmbedder) -> None:
    make_embedder().embed(["Ada"])
    assert "litellm" not in sys.modules


@given(st.text(max_size=300).map(lambda text: text * 100))
def test_what_is_embedded_is_never_nothing_nor_too_much_nor_anything_that_cannot_be_sent(text: str) -> None:
    embedded = cut(text)
    assert embedded.strip()
    assert estimate_tokens(embedded) <= TEXT_TOKENS
    assert embedded.encode()
    assert embedded == "." or text.encode("utf-8", "replace").decode().startswith(embedded)


@given(st.lists(st.integers(1, TEXT_TOKENS).map(lambda tokens: "word" * tokens), max_size=40))
def test_batches_keep_the_order_and_the_bounds(texts: list[str]) -> None:
    made = list(batches(texts))
    assert [text for batch in made for text in batch] == texts
    assert all(sum(map(estimate_tokens, batch)) <= BATCH_TOKENS for batch in made)


def test_a_probe_asks_the_provider_itself_each_time(make_embedder: MakeEmbedder, provider: Provider) -> None:
    embedder = make_embedder()
    assert embedder.probe() > 0
    asked = len(provider.requests)
    embedder.probe()
    assert len(provider.requests) == asked + 1
    assert embedder.running
    provider.embed(refuses(500))
    with pytest.raises(EmbeddingError):
        embedder.probe()


def test_what_was_asked_for_is_known_afterwards(make_embedder: MakeEmbedder, provider: Provider) -> None:
    embedder = make_embedder()
    assert embedder.known("Ada") is None
    [vector] = embedder.embed(["Ada"])
    known = embedder.known("Ada")
    assert known is not None
    assert known.tolist() == vector.tolist()
    assert len(provider.requests) == 1


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (404, False), (429, True), (500, True)])
def test_an_error_tells_whether_asking_again_may_help(
    make_embedder: MakeEmbedder, provider: Provider, status: int, retryable: bool
) -> None:
    provider.embed(refuses(status))
    with pytest.raises(EmbeddingError) as caught:
        make_embedder().embed(["Ada"])
    assert caught.value.retryable is retryable

import numpy as np

from memorybank_service.embedding.local import LocalEmbedder


def test_vectors_have_length_one_and_the_model_s_dimension(embedder: LocalEmbedder) -> None:
    for vector in embedder.embed(["a cat", "", "x" * 5_000]):
        assert vector.shape == (384,)
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


def test_what_means_the_same_is_nearer_than_what_does_not(embedder: LocalEmbedder) -> None:
    question, answer, other = embedder.embed(
        ["Where does she live?", "Her home is in Lisbon.", "The invoice is overdue."]
    )
    assert question @ answer > question @ other + 0.1


def test_a_text_has_the_same_vector_whatever_is_embedded_with_it(embedder: LocalEmbedder) -> None:
    [alone] = embedder.embed(["a cat"])
    together = embedder.embed(["a cat", "a very long sentence about something else altogether"])
    assert np.array_equal(alone, together[0])


def test_a_long_text_is_embedded_by_its_beginning(embedder: LocalEmbedder) -> None:
    beginning = "the river " * 200
    [one, other] = embedder.embed([beginning + "cat " * 500, beginning + "tax " * 500])
    assert np.array_equal(one, other)

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.llm.tokens import estimate_tokens
from memorybank_service.memory.context import CLOSING, OPENING, build_context, strip_recalled
from memorybank_service.store import Memory

EIGHT = 1_800_000_000.0


def memory(seq: int, content: str, speaker: str | None = "Ada", hours: float = 0.0) -> Memory:
    at = EIGHT + 3600 * hours
    return Memory(
        seq=seq,
        id=f"m{seq}",
        content=content,
        user_id="ada",
        agent_id=None,
        run_id=None,
        speaker=speaker,
        created_at=at,
        stored_at=at,
        updated_at=at,
        metadata={},
        importance=0.5,
        recalls=0,
        anchor=at,
        recalled_at=None,
        pinned=False,
        expires_at=None,
        faded_at=None,
        kind="turn",
        superseded_by=None,
        added_by=None,
    )


def test_memories_are_dated_lines_in_the_order_in_which_they_were_said() -> None:
    best_first = [memory(3, "Then Vienna.", hours=2), memory(1, "First Graz.", None), memory(2, "Oh?", "Ben")]
    context = build_context(best_first, 1_000)
    assert context.text == (
        "<memories>\n"
        "[2027-01-15 08:00] First Graz.\n"
        "[2027-01-15 08:00] Ben: Oh?\n"
        "[2027-01-15 10:00] Ada: Then Vienna.\n"
        "</memories>"
    )
    assert context.chosen == [1, 2, 0]
    assert context.tokens == estimate_tokens(context.text)


def test_what_does_not_fit_is_left_out_and_a_shorter_one_may_still_fit() -> None:
    candidates = [memory(1, "best"), memory(2, "much " * 100), memory(3, "short")]
    assert build_context(candidates, 40).chosen == [0, 2]
    nothing = build_context(candidates, 8)
    assert (nothing.text, nothing.tokens) == ("", 0)


@given(st.lists(st.text(max_size=200), max_size=8), st.integers(1, 300))
def test_a_context_never_exceeds_its_budget(contents: list[str], max_tokens: int) -> None:
    context = build_context([memory(seq, content) for seq, content in enumerate(contents)], max_tokens)
    assert context.tokens <= max_tokens


@given(
    st.lists(
        st.lists(st.sampled_from(["<memories>", "</memories>", "< / MEMORIES >", "\n", "\u2028", "a", "<"])).map(
            "".join
        ),
        min_size=1,
    )
)
def test_no_memory_can_end_the_block_or_pass_for_another_line(contents: list[str]) -> None:
    memories = [replace(memory(seq, content), speaker=content or None) for seq, content in enumerate(contents)]
    text = build_context(memories, 100_000).text
    assert text.count("<memories>") == text.count("</memories>") == 1
    assert len(text.splitlines()) == len(contents) + 2
    assert strip_recalled(f"before {text} after") == "before  after"


def test_recalled_blocks_are_taken_out_and_all_else_stays() -> None:
    assert strip_recalled(f"a {OPENING}x{CLOSING} b {OPENING}y{CLOSING} c") == "a  b  c"
    for own in ("", "no block", f"only {OPENING} open", f"only {CLOSING} closed", f"{CLOSING} turned {OPENING}"):
        assert strip_recalled(own) == own


def test_texts_made_to_be_slow_to_search_are_read_in_one_go() -> None:
    """With a pattern that looks back, each of these would take minutes."""
    assert strip_recalled(OPENING * 100_000) == OPENING * 100_000
    spaces = [memory(1, "<" + " " * 200_000), memory(2, " " * 200_000 + "x" + "< " * 100_000)]
    assert len(build_context(spaces, 10_000_000).chosen) == 2

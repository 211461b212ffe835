from hypothesis import given
from hypothesis import strategies as st

from retrieval.chunks import Chunk
from retrieval.file_filter import MAX_BYTES, extension, is_text, select_files
from retrieval.packing import OVERHEAD, Excerpt, excerpt_around, fit, join, tokens

PATH = st.from_regex(r"([a-z]{1,6}/){0,2}[a-z]{1,6}\.(py|md|png|lock)", fullmatch=True)
CHUNK = st.builds(
    lambda path, start, texts: Chunk(path, start, start + len(texts) - 1, "\n".join(texts)),
    st.sampled_from(["a.py", "b.py"]),
    st.integers(1, 50),
    st.lists(st.text(alphabet="abc ", max_size=60), min_size=1, max_size=30),
)


@given(st.lists(PATH, unique=True), st.lists(PATH, max_size=3), st.integers(0, 5))
def test_only_files_that_are_there_are_read_and_named_ones_first(
    files: list[str], first: list[str], limit: int
) -> None:
    chosen = select_files(files, first=first, limit=limit)
    assert len(chosen) <= limit
    assert set(chosen) <= set(files)
    wanted = list(dict.fromkeys(path for path in first if path in files))
    assert list(chosen[: len(wanted)]) == wanted[:limit]


def test_what_others_wrote_and_what_is_no_text_is_left_out() -> None:
    files = [
        "src/a.py",
        "node_modules/x/i.js",
        "a.PNG",
        "yarn.lock",
        "js/x.min.js",
        "docs/a.md",
        "vendor/b.go",
        "x.egg-info/y.txt",
        "deep/er/b.rs",
        ".github/w.yml",
    ]
    assert select_files(files) == ("src/a.py", "deep/er/b.rs", ".github/w.yml", "docs/a.md")
    assert select_files(files, first=["vendor/b.go"])[0] == "vendor/b.go"


def test_text_is_small_and_has_no_zero_bytes() -> None:
    assert is_text("é\n".encode())
    assert not is_text(b"a\0b")
    assert not is_text(b"a" * (MAX_BYTES + 1))
    assert [extension(path) for path in ("a/b.PY", "Makefile", ".env", "a.b/c")] == ["py", "", "", ""]


@given(
    st.lists(CHUNK, max_size=12),
    st.integers(0, 800),
    st.dictionaries(st.sampled_from(["a.py", "b.py"]), st.lists(st.integers(1, 60), max_size=3)),
)
def test_the_budget_is_never_overrun(chunks: list[Chunk], budget: int, near: dict[str, list[int]]) -> None:
    # The reason carries the number of the chunk, so that a piece can be traced back to it.
    pieces = fit([(c, 1.0, str(n)) for n, c in enumerate(chunks)], budget_tokens=budget, near=near)
    spent = 0
    for piece in pieces:
        c = chunks[int(piece.why)]
        assert c.start_line <= piece.first <= piece.last <= c.end_line
        lines = c.text.split("\n")[piece.first - c.start_line : piece.last - c.start_line + 1]
        spent += tokens("\n".join(lines)) + OVERHEAD
    assert spent <= budget
    assert len({piece.why for piece in pieces}) == len(pieces)


def test_a_cut_keeps_the_telling_line_in_view() -> None:
    long = Chunk("a.py", 11, 110, "\n".join(f"line number {n} of the function" for n in range(11, 111)))
    (piece,) = fit([(long, 1.0, "why")], budget_tokens=500, near={"a.py": [90]})
    assert piece.first < 90 < piece.last
    assert piece.last - piece.first < 40


@given(CHUNK, st.integers(0, 200), st.data())
def test_an_excerpt_holds_its_line_and_no_more_than_there_is_room_for(c: Chunk, room: int, data: st.DataObject) -> None:
    line = data.draw(st.integers(c.start_line, c.end_line))
    excerpt, cost = excerpt_around(c, room, line, 1.0, "why")
    alone = tokens(c.text.split("\n")[line - c.start_line])
    assert (excerpt is None) == (alone > room)
    if excerpt is not None:
        assert c.start_line <= excerpt.first <= line <= excerpt.last <= c.end_line
        assert alone <= cost <= room


@given(
    st.lists(
        st.builds(
            Excerpt, st.sampled_from("ab"), st.integers(1, 40), st.integers(41, 50), st.floats(0, 1), st.just("w")
        ),
        max_size=8,
    )
)
def test_joined_pieces_lose_no_line_and_do_not_overlap(pieces: list[Excerpt]) -> None:
    joined = join(pieces)
    wanted = {(p.path, line) for p in pieces for line in range(p.first, p.last + 1)}
    covered = [(p.path, line) for p in joined for line in range(p.first, p.last + 1)]
    assert len(covered) == len(set(covered))
    assert wanted <= set(covered)
    assert [p.score for p in joined] == sorted((p.score for p in joined), reverse=True)

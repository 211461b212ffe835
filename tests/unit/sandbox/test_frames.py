"""Frames arrive whole and in order, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inside.frames import BrokenFrame, Unpacker, mark, pack

KEY = b"k" * 32
JSON = st.dictionaries(st.text(max_size=8), st.one_of(st.integers(), st.text(max_size=20), st.booleans()), max_size=4)
FRAMES = st.lists(st.tuples(JSON, st.binary(max_size=400)), max_size=6)


def sent(frames, key: bytes = KEY) -> bytes:
    packed = [pack(header, payload) for header, payload in frames]
    return b"".join(frame + (mark(key, n, frame) if key else b"") for n, frame in enumerate(packed))


@given(FRAMES, st.lists(st.integers(1, 60), min_size=1, max_size=200))
def test_however_the_bytes_are_cut_the_frames_are_the_same(frames, cuts):
    for key in (b"", KEY):
        data, unpacker, got = sent(frames, key), Unpacker(key), []
        for size in cuts:
            got += unpacker.feed(data[:size])
            data = data[size:]
        got += unpacker.feed(data)
        assert got == frames


@given(FRAMES.filter(bool), st.data())
def test_a_changed_byte_is_noticed(frames, data):
    good = sent(frames)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    got = []
    unpacker = Unpacker(KEY)
    try:
        for frame in unpacker.feed(bad):
            got.append(frame)  # noqa: PERF402  what came before the break counts
        complete = False
    except BrokenFrame:
        complete = True
    assert complete or len(got) < len(frames)
    assert got == frames[: len(got)]


def test_repeated_and_reordered_frames_are_noticed():
    one, two = (pack({"n": n}) for n in (1, 2))
    first, second = one + mark(KEY, 0, one), two + mark(KEY, 1, two)
    for wrong in (first + first, second + first, second):
        with pytest.raises(BrokenFrame):
            list(Unpacker(KEY).feed(wrong))


def test_a_mark_of_another_key_is_noticed():
    with pytest.raises(BrokenFrame):
        list(Unpacker(KEY).feed(sent([({"a": 1}, b"x")], b"other" * 6)))


@pytest.mark.parametrize("header", [b"nothing", b"[]", b"\xff", b"1"])
def test_a_header_is_an_object(header):
    frame = len(header).to_bytes(4, "big") + (0).to_bytes(4, "big") + header
    with pytest.raises(BrokenFrame):
        list(Unpacker().feed(frame))


def test_a_length_beyond_all_measure_is_not_waited_for():
    with pytest.raises(BrokenFrame):
        list(Unpacker().feed(b"\xff" * 8))
    with pytest.raises(BrokenFrame):
        pack({}, b"x" * (5 << 20))

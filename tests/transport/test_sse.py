"""Server-sent events: the same ones come out, however the bytes come in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisa_integrations.transport.sse import EventDecoder, RawEvent, frame, looks_like_events

NEWLINES = [b"\n", b"\r\n", b"\r"]
LINES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12).map(str.encode)
# Anything that a server might send, and more of what has a meaning.
PARTS = [b"\r", b"\n", b"\n\n", b"\r\n", b"data:", b"data: x", b":", b"event:a", b"\xef\xbb\xbf"]
BYTES = st.lists(st.sampled_from(PARTS) | st.binary(max_size=4)).map(b"".join)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[RawEvent], bytes]:
    """Draw events, and one of the ways in which a server may write them down."""
    newline = draw(st.sampled_from(NEWLINES))
    expected: list[RawEvent] = []
    written = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    for _ in range(draw(st.integers(0, 5))):
        data = draw(st.lists(LINES, min_size=1, max_size=3).filter(any))
        name = draw(st.none() | st.just(b"response.created"))
        lines = [b"event: " + name] if name else []
        # The one space after the colon is no part of the data, so data that begins with one is written with two.
        spaced = draw(st.booleans()) or any(line.startswith(b" ") for line in data)
        lines += [(b"data: " if spaced else b"data:") + line for line in data]
        noise = draw(st.lists(st.sampled_from([b": keep-alive", b":", b"id: 7", b"retry: 10", b"unknown"]), max_size=2))
        for item in noise:
            lines.insert(draw(st.integers(0, len(lines))), item)
        comment = draw(st.sampled_from([b"", b": OPENROUTER PROCESSING" + newline * 2, newline]))
        written += comment + newline.join(lines) + newline * 2
        expected.append((b"\n".join(data), name))
    return expected, written


def decode(pieces: list[bytes]) -> list[RawEvent]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.flush()


def cut(text: bytes, at: list[int]) -> list[bytes]:
    places = sorted({place % (len(text) + 1) for place in at} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(places)] or [b""]


@given(streams(), st.lists(st.integers(0, 10_000), max_size=30))
def test_events_are_the_same_however_they_are_written_and_cut(
    stream: tuple[list[RawEvent], bytes], at: list[int]
) -> None:
    expected, written = stream
    assert decode(cut(written, at)) == expected


@given(streams())
def test_a_byte_at_a_time_is_enough(stream: tuple[list[RawEvent], bytes]) -> None:
    expected, written = stream
    assert decode([written[place : place + 1] for place in range(len(written))]) == expected


@given(BYTES, st.lists(st.integers(0, 10_000), max_size=10))
def test_whatever_comes_it_means_the_same_in_pieces(text: bytes, at: list[int]) -> None:
    assert decode(cut(text, at)) == decode([text])


@given(streams(), st.lists(st.integers(0, 10_000), max_size=30))
def test_what_is_framed_again_means_the_same(stream: tuple[list[RawEvent], bytes], at: list[int]) -> None:
    expected, _ = stream
    framed = b"".join(frame(data, name) for data, name in expected)
    assert decode(cut(framed, at)) == expected
    assert all(line.startswith((b"data: ", b"event: ")) for line in framed.split(b"\n") if line)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_an_event_comes_out_as_soon_as_its_blank_line_is_there(newline: bytes) -> None:
    decoder = EventDecoder()
    assert decoder.feed(b'data: {"a":1}' + newline) == []
    assert decoder.is_amid
    assert decoder.feed(newline) == [(b'{"a":1}', None)]
    assert not decoder.is_amid


def test_a_character_may_be_cut_in_the_middle() -> None:
    text = 'data: {"content":"Zoë 你好"}\n\n'.encode()
    for place in range(len(text)):
        assert decode([text[:place], text[place:]]) == [(text[6:-2], None)]


@pytest.mark.parametrize(
    "nothing", [b"", b"\n\n", b": comment\n\n", b"data:\n\n", b"data: \n\n", b"event: ping\n\n", b"data\n\n"]
)
def test_what_holds_no_data_is_no_event(nothing: bytes) -> None:
    assert decode([nothing]) == []
    assert decode([nothing, b"data: 1\n\n"]) == [(b"1", None)]


@pytest.mark.parametrize("last", [b"data: 1", b"data:1\n", b"data: 1\r\n", b": x\ndata: 1"])
def test_the_last_event_may_lack_its_blank_line(last: bytes) -> None:
    assert decode([last]) == [(b"1", None)]


@pytest.mark.parametrize(
    "beginning", [b"data: 1", b"data:1", b": x", b"event: a", b"id: 1", b"\n\ndata:", b"\xef\xbb\xbfdata:"]
)
def test_a_stream_is_known_by_its_first_bytes(beginning: bytes) -> None:
    for length in range(1, len(beginning) + 1):
        assert looks_like_events(beginning[:length])


@pytest.mark.parametrize("beginning", [b'{"id"', b"<!DOCTYPE html>", b"[{", b"no", b"datum", b"iden"])
def test_other_bodies_are_not_taken_for_streams(beginning: bytes) -> None:
    assert not looks_like_events(beginning)

import asyncio

import pytest

from post.address import Unreadable, by_domain, read
from post.send import Courier


def test_more():
    assert str(read("Me@HOME.net")) == "Me@home.net"
    with pytest.raises(Unreadable):
        read("  @x")
    assert by_domain([]) == {}
    assert by_domain([read("b@b"), read("a@b"), read("c@a")]) == {"a": ["c"], "b": ["a", "b"]}


def test_send():
    sent = []

    async def transport(address, text):
        if text == "bad":
            raise ConnectionError("no")
        sent.append(text)

    courier = Courier(transport, tries=2)
    assert asyncio.run(courier.send_all([("a@b", "x"), ("c@d", "bad"), ("e", "y"), ("f@g", "z")])) == {
        "a@b": True, "c@d": False, "e": None, "f@g": True,
    }  # fmt: skip
    assert sent == ["x", "z"]
    assert courier.failures() == ["c@d: try 1 failed (no)", "c@d: try 2 failed (no)"]

import pytest

from post.address import Address, Unreadable, by_domain, read


@pytest.mark.parametrize(
    ("text", "address"),
    [("a@B.org", Address("a", "b.org")), (" x.y@z ", Address("x.y", "z")), ('"a@b"@c', Address('"a@b"', "c"))],
)
def test_read(text, address):
    assert read(text) == address


@pytest.mark.parametrize("text", ["", "a", "@b", "a@"])
def test_unreadable(text):
    with pytest.raises(Unreadable, match="not an address"):
        read(text)


def test_text():
    assert str(Address("a", "b.org")) == "a@b.org"


def test_by_domain():
    addresses = [read(text) for text in ("z@y", "b@x", "a@y")]
    assert by_domain(addresses) == {"x": ["b"], "y": ["a", "z"]}
    assert list(by_domain(addresses)) == ["x", "y"]

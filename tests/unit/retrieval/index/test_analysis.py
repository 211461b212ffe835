"""A file's record: all that ranking asks of a file, and none of its text in order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from retrieval.index.analysis import index_file, packed, unpacked, without_text

LINES = st.lists(
    st.sampled_from(
        ["def reserve(stock, lots):", "    return stock", "class Shop:", "    def sell(self, lot):", "", "x = 1"]
    ),
    max_size=30,
)


@given(LINES)
def test_a_record_says_what_the_file_said(lines: list[str]) -> None:
    file = without_text(index_file("shop/a.py", "\n".join(lines)))
    again = unpacked("shop/a.py", packed(file))
    assert again.chunks == file.chunks
    assert (again.bags, again.sizes, again.declared) == (tuple(map(dict, file.bags)), file.sizes, file.declared)
    assert again == replace(file, bags=again.bags)


def test_a_declaration_is_all_its_lines_and_nothing_of_the_body() -> None:
    text = "# Sells.\ndef sell(\n    lot: Lot,\n    price: Money,\n) -> Receipt:\n    return booked(lot)\n"
    (declared,) = index_file("a.py", text).declared
    assert {"sell", "lot", "pric", "money", "receipt"} <= declared
    assert not {"book", "return"} & declared

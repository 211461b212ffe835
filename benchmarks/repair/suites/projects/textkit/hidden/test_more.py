from textkit import acronym, center, columns, count, slug, title, truncate


def test_more():
    assert slug("It's 5 o'clock") == "it's-5-o'clock"
    assert title("a tale of two cities and THE end") == "A Tale of Two Cities and the End"
    assert acronym("the art of war") == "AW"
    assert count("b a a", least=2) == [("a", 2)]
    assert truncate("hello brave new world", 16) == "hello brave..."
    assert truncate("abc", 3) == "abc"
    assert center("x", 4, "-") == "-x--"
    assert columns([["a", "bb", "c"], ["aaa", "b", "cc"]], gap=1) == ["a   bb c", "aaa b  cc"]

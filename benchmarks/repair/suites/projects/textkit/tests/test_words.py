import unittest

from textkit import acronym, count, slug, title


class Words(unittest.TestCase):
    def test_slug(self):
        self.assertEqual(slug("Hello, World!"), "hello-world")
        self.assertEqual(slug("A b", "_"), "a_b")

    def test_title(self):
        self.assertEqual(title("the lord of the rings"), "The Lord of the Rings")

    def test_acronym(self):
        self.assertEqual(acronym("department of the interior"), "DI")
        self.assertEqual(acronym("as soon as possible"), "ASAP")

    def test_count(self):
        text = "one two Two three three three"
        self.assertEqual(count(text), [("three", 3), ("two", 2), ("one", 1)])
        self.assertEqual(count(text, least=2), [("three", 3), ("two", 2)])


if __name__ == "__main__":
    unittest.main()

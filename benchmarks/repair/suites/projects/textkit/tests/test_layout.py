import unittest

from textkit import center, columns, truncate


class Layout(unittest.TestCase):
    def setUp(self):
        self.rows = [["name", "n"], ["apple", "10"], ["fig", "7"]]

    def test_columns(self):
        self.assertEqual(columns(self.rows), ["name   n", "apple  10", "fig    7"])

    def test_no_rows(self):
        self.assertEqual(columns([]), [])

    def test_truncate(self):
        for text, width, expected in [
            ("short", 10, "short"),
            ("exactly10!", 10, "exactly10!"),
            ("a longer line of text", 12, "a longer..."),
            ("unbreakable", 8, "unbre..."),
        ]:
            with self.subTest(text=text):
                self.assertEqual(truncate(text, width), expected)

    def test_center(self):
        self.assertEqual(center("ab", 5, "."), ".ab..")
        self.assertEqual(center("abc", 5), " abc ")

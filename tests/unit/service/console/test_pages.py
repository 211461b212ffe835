"""What pages are made of: files as they were published, and templates that make no markup of what they are told."""

import hashlib
import re
from pathlib import Path

from service.console import pages
from tests.architecture.tree import ROOT

ADR = ROOT / "docs" / "adr" / "0033-pages-by-the-server-and-htmx.md"
SAFE = {"earlier.html": 1}
"""Templates that put in what another template made."""


def test_what_is_vendored_is_what_was_published():
    assert hashlib.sha256(pages.asset("htmx.min.js")).hexdigest() in ADR.read_text(encoding="utf-8")
    assert "Zero-Clause BSD" in (Path(pages.__file__).parent / "static" / "htmx.LICENSE").read_text(encoding="utf-8")


def test_no_template_has_a_script_a_style_or_text_that_is_not_escaped():
    templates = sorted((Path(pages.__file__).parent / "templates").glob("*.html"))
    assert len(templates) > 15
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert text.count("| safe") == SAFE.get(template.name, 0), template.name
        assert not re.search(r"\son[a-z]+=|\sstyle=|<style|javascript:|hx-on|hx-vals", text), template.name
        assert all(" src=" in script for script in re.findall(r"<script[^>]*>", text)), template.name


def test_the_script_makes_no_markup_of_texts():
    script = pages.asset("console.js").decode()
    assert "innerHTML" not in script
    assert "eval(" not in script
    assert script.count("createContextualFragment") == 1  # what the server rendered

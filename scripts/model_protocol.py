"""Write the JSON Schemas of the answers into docs/model-protocol.md, from the values of the domain."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from domain import CodeChange, Plan, Review
from domain.change import Scores
from models.clients.contract import schema_of

PAGE = ROOT / "docs" / "model-protocol.md"
ANSWERS = (Plan, CodeChange, Review, Scores)


def updated(page: str) -> str:
    """Return the page with the schemas as they are now."""
    for answer in ANSWERS:
        form = schema_of(answer)
        text = f"```json\n{json.dumps(form.strict_schema, indent=2)}\n```"
        part = re.compile(rf"(<!-- schema: {form.name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = part.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page)
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} is up to date")

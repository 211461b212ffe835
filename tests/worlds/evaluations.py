"""A small dataset in SWE-bench's form over one repository, and evaluations of it with scripted models."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models import Model, Role, Scripted
from service.eval.attempts import AttemptLimits
from service.eval.dataset import EvalCase, read_dataset
from service.eval.evaluation import Evaluation, manifest_of
from service.eval.results import AttemptResult, ResultsFolder
from tests.worlds.house import QUICK, git, repository, settings

CHECK = """\
from shop.prices import total

print("===== short test summary info =====")
for name, good in [("all", total([1, 2, 3]) == 6), ("none", total([]) == 0)]:
    print("PASSED" if good else "FAILED", name)
"""
"""Names each test as pytest's summary does, in a tenth of the time."""
RIGHT = """\
diff --git a/shop/prices.py b/shop/prices.py
--- a/shop/prices.py
+++ b/shop/prices.py
@@ -1,3 +1,3 @@
 def total(prices):
     \"\"\"Sum of all prices.\"\"\"
-    return sum(prices[1:])
+    return sum(prices)
"""
FIX = {
    "files_to_update": [{"path": "shop/prices.py", "search": "prices[1:]", "replace": "prices"}],
    "commit_message": "Count the first price too",
}
WRONG = {"files_to_update": [{"path": "shop/prices.py", "search": "prices[1:]", "replace": "prices[2:]"}]}


def added(path: str, text: str) -> str:
    """A patch that adds a file."""
    lines = text.splitlines()
    head = (
        f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n"
    )
    return head + "".join(f"+{line}\n" for line in lines)


def dataset(folder: Path, *changes: Mapping[str, Any]) -> Path:
    """A line for each of ``changes``, over what a good line has; the repository is made once."""
    repo = folder / "shop"
    if not repo.exists():
        repository(repo)
    line = {
        "repo": str(repo),
        "base_commit": git(repo, "rev-parse", "HEAD"),
        "problem_statement": "The total leaves out the first price.",
        "patch": RIGHT,
        "test_patch": added("tests/hidden.py", CHECK),
        "FAIL_TO_PASS": '["all"]',
        "PASS_TO_PASS": '["none"]',
        "test_cmd": "PYTHONPATH=. python3 tests/hidden.py",
        "accept": QUICK,
    }
    path = folder / "shop.jsonl"
    lines = [json.dumps({**line, "instance_id": f"case-{number}", **more}) for number, more in enumerate(changes, 1)]
    path.write_text("\n".join(lines))
    return path


def cases(folder: Path, *changes: Mapping[str, Any]) -> tuple[EvalCase, ...]:
    """The cases of ``dataset``."""
    return read_dataset(dataset(folder, *changes)).cases


async def evaluated(
    folder: Path, selected: Sequence[EvalCase], answers: Mapping[Role, list[object]] | None = None, **more: Any
) -> tuple[dict[str, AttemptResult], int]:
    """Evaluate in ``folder``; results by ``case`` or ``case#attempt``, and how many attempts were not begun."""
    models: dict[Role, Model] = {role: Scripted(script, name=role) for role, script in (answers or {}).items()}
    kept = ResultsFolder(folder / "evaluation")
    kept.begin(manifest_of("shop", "1", selected, k=more.get("k", 1), strategy="balanced", model=""))
    more.setdefault("limits", AttemptLimits(tests_s=30))
    evaluation = Evaluation(
        settings=settings(folder), folder=kept, cases=selected, strategy="balanced", models=models, **more
    )
    left_out = await evaluation.run()
    results = {r.case if r.attempt == 1 else f"{r.case}#{r.attempt}": r for r in kept.results()}
    return results, left_out

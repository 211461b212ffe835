"""Small git repositories of every kind whose acceptance command Signoff finds by itself.

Each has one bug and a test that shows it, so that the same repository serves for finding the command
and, where the tools are at hand, for running it.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of project: its files, the command that is found, the tool it needs, and the fix."""

    name: str
    files: Mapping[str, str]
    accept: str | None
    needs: str = ""
    fix: tuple[str, str, str] = ("", "", "")
    """Path, wrong text, right text."""


PYTHON = Kind(
    name="python",
    accept="python3 -m pytest -q",
    needs="pytest",
    files={
        "slug/__init__.py": 'def slug(title):\n    return "-".join(title.split())\n',
        "tests/test_slug.py": 'from slug import slug\n\n\ndef test_slug():\n    assert slug("A b") == "a-b"\n',
    },
    fix=("slug/__init__.py", "title.split()", "title.lower().split()"),
)

NODE = Kind(
    name="node",
    accept="npm test --silent",
    needs="node",
    files={
        "package.json": '{"name": "clamp", "version": "1.0.0", "scripts": {"test": "node --test"}}\n',
        "clamp.js": "exports.clamp = (value, low, high) => Math.max(low, Math.max(value, high));\n",
        "clamp.test.js": """\
const test = require("node:test");
const assert = require("node:assert");
const { clamp } = require("./clamp.js");

test("a value stays within its bounds", () => {
  assert.strictEqual(clamp(5, 0, 10), 5);
  assert.strictEqual(clamp(-1, 0, 10), 0);
  assert.strictEqual(clamp(11, 0, 10), 10);
});
""",
    },
    fix=("clamp.js", "Math.max(value, high)", "Math.min(value, high)"),
)

RUST = Kind(
    name="rust",
    accept="cargo test --quiet",
    needs="cargo",
    files={
        "Cargo.toml": '[package]\nname = "leap"\nversion = "0.1.0"\nedition = "2021"\n',
        ".gitignore": "target\nCargo.lock\n",
        "src/lib.rs": """\
pub fn leap(year: u32) -> bool {
    year % 4 == 0 && (year % 100 != 0 && year % 400 == 0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn leap_years() {
        assert!(super::leap(2024) && super::leap(2000));
        assert!(!super::leap(1900) && !super::leap(2023));
    }
}
""",
    },
    fix=("src/lib.rs", "!= 0 && year % 400", "!= 0 || year % 400"),
)

GO = Kind(
    name="go",
    accept="go test ./...",
    needs="go",
    files={
        "go.mod": "module example.com/median\n\ngo 1.19\n",
        "median.go": """\
package median

import "sort"

// Of returns the middle value; of an even number of values the mean of the two in the middle.
func Of(values []float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle] + sorted[middle+1]) / 2
}
""",
        "median_test.go": """\
package median

import "testing"

func TestOf(t *testing.T) {
	if got := Of([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Fatalf("got %v", got)
	}
}
""",
    },
    fix=("median.go", "sorted[middle+1]", "sorted[middle-1]"),
)

MAKE = Kind(
    name="make",
    accept="make check",
    needs="make",
    files={
        "Makefile": ".PHONY: check\ncheck:\n\tsh ./check.sh\n",
        "greet.sh": 'printf "Hello, %s\\n" "$0"\n',
        "check.sh": '[ "$(sh ./greet.sh Ada)" = "Hello, Ada" ]\n',
    },
    fix=("greet.sh", '"$0"', '"$1"'),
)

BARE = Kind(name="bare", accept=None, files={"README.md": "# Notes\n", "notes.txt": "Nothing to test here.\n"})

KINDS = (PYTHON, NODE, RUST, GO, MAKE, BARE)


def build(kind: Kind, folder: Path, *, fixed: bool = False) -> Path:
    """Make a git repository of this kind in ``folder``, with one commit and a clean tree."""
    repo = folder / kind.name
    for path, text in kind.files.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(text, encoding="utf-8")
    if fixed:
        path, wrong, right = kind.fix
        (repo / path).write_text(kind.files[path].replace(wrong, right), encoding="utf-8")
    return commit_all(repo, f"A small {kind.name} project")


def commit_all(repo: Path, message: str) -> Path:
    """Put everything into one commit, whatever git settings the machine has."""
    git(repo, "init", "--quiet", "--initial-branch=main")
    git(repo, "add", "--all")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.invalid", "-c", "commit.gpgsign=false")
    git(repo, *who, "commit", "--quiet", "--message", message)
    return repo


def git(repo: Path, *arguments: str) -> str:
    """What ``git`` prints.

    Raises:
        subprocess.CalledProcessError: git refused.
    """
    done = subprocess.run(["git", "-C", str(repo), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()

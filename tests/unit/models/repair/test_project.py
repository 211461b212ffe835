"""Which files may hold the bug."""

from models.repair.inside.analysis.project import sources


def test_tests_and_folders_of_others_are_passed_over_but_not_where_the_tests_lie(tmp_path):
    names = (
        "a.py",
        "examples/b.py",
        "examples/shop/src/c.py",
        "examples/shop/tests/test_c.py",
        "build/d.py",
        "setup.py",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(*tests: str) -> list[str]:
        return [
            path.removeprefix(f"{tmp_path}/") for path in sources(tmp_path, {str(tmp_path / name) for name in tests})
        ]

    assert found() == ["a.py"]
    assert found("examples/shop/tests/test_c.py") == ["a.py", "examples/b.py", "examples/shop/src/c.py"]

import subprocess
import sys

from service.processes import is_gone, own_name


def test_a_living_process_is_not_gone() -> None:
    assert not is_gone(own_name())


def test_a_dead_process_is_gone_at_once() -> None:
    code = "from service.processes import own_name; print(own_name())"
    name = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    assert is_gone(name)


def test_a_pid_that_is_used_again_is_another_process() -> None:
    host, pid, _, rest = own_name().split("/")
    assert is_gone(f"{host}/{pid}/1/{rest}")


def test_nothing_is_known_about_other_machines_and_other_names() -> None:
    for name in (None, "", "serve", "elsewhere/1/1/x", "a/b/c/d"):
        assert not is_gone(name)

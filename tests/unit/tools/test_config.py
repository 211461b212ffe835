"""The installation's file of MCP servers."""

from pathlib import Path

import pytest

from domain import Refused
from tools import OfferedTool, ToolRule, load_servers
from tools.servers import wrong_with

PIN = f"sha256:{'a' * 64}"


def load(tmp_path: Path, text: str, **credentials: str):
    path = tmp_path / "mcp.yaml"
    path.write_text(text)
    return load_servers(path, credentials)


def test_a_tool_is_high_and_acts_unless_something_else_is_said(tmp_path: Path) -> None:
    file = load(
        tmp_path, f'servers:\n  t: {{command: [x], tools: {{a: {{pin: "{PIN}"}}, b: {{tier: low, reads: true}}}}}}\n'
    )
    assert file.servers["t"].tools["a"] == ToolRule(tier="high", reads=False, pin=PIN)
    assert file.servers["t"].tools["b"].pin == ""


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("{}", "either command"),
        ("{command: [x], url: 'https://a.example'}", "either command"),
        ("{url: 'http://a.example/mcp'}", "has to be https"),
        ("{url: 'https://ann:pw@a.example/mcp'}", "name it under credentials"),
        ("{url: 'file:///etc/passwd'}", "has to be https"),
        ("{command: [x], tools: {a: {pin: 'sha256:12'}}}", "pin"),
        ("{command: [x], tools: {a: {tier: harmless}}}", "tier"),
        ("{command: [x], timeout_s: 0}", "timeout_s"),
        ("{command: [x], shell: true}", "shell"),
        ("{url: 'https://a.example', env: {A: b}}", "env is for programs"),
    ],
)
def test_what_is_wrong_with_a_server_is_named(tmp_path: Path, server: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as error:
        load(tmp_path, f"servers:\n  t: {server}\n")
    assert error.value.stable_code == "mcp_servers_invalid"
    assert "pw" not in str(error.value)


def test_a_name_that_could_be_two_is_none(tmp_path: Path) -> None:
    for name in ("a.b", "A", "-x", "a__b" * 20):
        with pytest.raises(Refused):
            load(tmp_path, f"servers:\n  '{name}': {{command: [x]}}\n")
    with pytest.raises(Refused) as error:
        load_servers(tmp_path / "nothing.yaml", {})
    assert error.value.stable_code == "mcp_servers_invalid"


def test_a_credential_that_is_not_there_is_named_and_not_its_value(tmp_path: Path) -> None:
    text = "servers:\n  t: {command: [x], credentials: {TOKEN: tickets}}\n"
    with pytest.raises(Refused, match="'tickets'") as error:
        load(tmp_path, text, other="v")
    assert error.value.stable_code == "mcp_credential_missing"
    assert load(tmp_path, text, tickets="v").servers["t"].credentials == {"TOKEN": "tickets"}


def test_why_a_tool_cannot_be_used() -> None:
    offer = OfferedTool(server="s", tool="t", pin=PIN)
    assert wrong_with(ToolRule(pin=PIN), offer) == ""
    assert wrong_with(ToolRule(pin=PIN), None) == "tool_gone"
    assert wrong_with(ToolRule(), offer) == "tool_unpinned"
    assert wrong_with(ToolRule(pin=f"sha256:{'b' * 64}"), offer) == "tool_changed"
    assert wrong_with(ToolRule(), OfferedTool(server="s", tool="t", pin="")) == "tool_unpinned"

"""Connections: what is said of a call that the server answered with an error of the protocol."""

from mcp import MCPError

from tools.connection import without_answer


def test_an_error_of_the_server_is_shown_without_the_credential() -> None:
    error = MCPError(code=-32602, message="the token s3cr3t is no longer valid")
    result = without_answer(error, {"s3cr3t": "tickets"})
    assert (result.ok, result.code) == (False, "tool_failed")
    assert result.text == "the token [credential tickets] is no longer valid"

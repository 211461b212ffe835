"""MCP protocol server over the tools, by the official SDK: one for HTTP, one for standard input and output.

Where the host can ask its person something (elicitation) ``wait`` has the coder's question answered, and shows where to
sign. An elicited answer is never a signature.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, cast

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from domain import SignoffError
from service.auth.principal import Principal
from service.mcp.tools import INSTRUCTIONS, TOOLS, McpTools, Progress, Wait
from service.runs.event_log import as_json
from service.wiring.server import ServerContext

Context = ServerRequestContext[Any, Any]
Who = Callable[[Context], Principal]
"""The authenticated caller of a request."""
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "title": "Answer", "maxLength": 10_000}},
    "required": ["answer"],
}


def tool_list() -> list[Tool]:
    """The tools as a host lists them."""
    return [
        Tool(
            name=name,
            description=entry.about,
            input_schema=entry.arguments.model_json_schema(),
            annotations=ToolAnnotations(read_only_hint=entry.reads, destructive_hint=name == "cancel"),
        )
        for name, entry in TOOLS.items()
    ]


def answered(document: dict[str, Any]) -> CallToolResult:
    """A result of a tool, as text and as data."""
    return CallToolResult(content=[TextContent(text=as_json(document).decode())], structured_content=document)


def failed(error: SignoffError) -> CallToolResult:
    """An error of ours, with its stable code and what to do about it."""
    fields = {"code": error.stable_code, "message": error.message, "hint": error.hint}
    text = f"{error.stable_code}: {error.message} {error.hint}".strip()
    return CallToolResult(content=[TextContent(text=text)], structured_content={"error": fields}, is_error=True)


def new_server(at: ServerContext, who: Who) -> Server[Any]:
    """The server of these tools; ``who`` says on whose behalf a request is carried out."""
    tools = McpTools(at)

    async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=tool_list())

    async def call_tool(ctx: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        principal, steps = who(ctx), 0

        async def progress(line: str) -> None:
            nonlocal steps
            steps += 1
            await ctx.session.report_progress(steps, None, line)

        try:
            document = await tools.call(principal, params.name, params.arguments or {}, progress)
            if params.name != "wait":
                return answered(document)
            return await elicited(tools, principal, ctx, params, document, progress=progress)
        except SignoffError as error:
            return failed(error)

    return Server(
        "signoff",
        version=version("signoff"),
        title="Signoff",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def elicited(
    tools: McpTools,
    principal: Principal,
    ctx: Context,
    params: CallToolRequestParams,
    document: dict[str, Any],
    *,
    progress: Progress,
) -> CallToolResult | InputRequiredResult:
    """What a wait comes to once the host's person was asked what could be asked; each question once."""
    again = Wait(run=document["run"], seconds=Wait.model_validate(params.arguments).seconds)
    asked = set[str]()
    while (needed := elicitation(document, ctx)) is not None and needed[0] not in asked:
        key, request = needed
        asked.add(key)
        response = cast("ElicitResult | None", (params.input_responses or {}).get(key))
        if response is None and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return InputRequiredResult(input_requests={key: request})  # the host calls again, with the answer
        if response is None:
            related = ServerMessageMetadata(related_request_id=ctx.request_id)
            response = await ctx.session.send_request(request, ElicitResult, metadata=related)
        if response.action != "accept":
            break
        if "question" in document:
            words = str((response.content or {}).get("answer") or "")
            await tools.answer(principal, again.run, document["interrupt"], words)
        document = await tools.wait(principal, again, progress, decided="approval" in document)
    return answered(document)


def elicitation(document: dict[str, Any], ctx: Context) -> tuple[str, ElicitRequest] | None:
    """What the host may ask its person about a paused run, and a key for it; None: nothing, or the host cannot.

    The key names the very question, so an answer that comes late counts for no other one.
    """
    capabilities = ctx.session.client_capabilities
    able = capabilities.elicitation if capabilities else None
    reachable = ctx.session.can_send_request or ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
    if able is None or not reachable:
        return None
    # Hosts of the first version of elicitation name no form: it was the only one.
    if "question" in document and (able.form is not None or able.url is None):
        text = f"The coder of run {document['run']} asks: {document['question']}"
        form = ElicitRequestFormParams(message=text, requested_schema=ANSWER)
        return f"question-{document['interrupt']}", ElicitRequest(params=form)
    if "approval" in document and able.url is not None:
        approval = document["approval"]
        text = (
            f"Run {document['run']} waits for a signature ({approval['tier']}: {approval['tool']}). Opening the page "
            "signs nothing: who signs reads it there and is logged in."
        )
        page = ElicitRequestURLParams(message=text, url=approval["link"], elicitation_id=approval["id"])
        return f"approval-{approval['id']}", ElicitRequest(params=page)
    return None

"""Streams of OpenAI's routes: an answer as server-sent events, in whichever of the two forms was asked for."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from fastapi.responses import Response, StreamingResponse

from domain import SignoffError
from service.api.errors import problem
from service.api.openai.answers import AnswerEvent, AnswerSource


class FormWriter(Protocol):
    """Writes the parts of one answer as the frames of a form."""

    @property
    def begun(self) -> Any:
        """Something that is true once a frame was written."""
        ...

    def start(self) -> list[bytes]:
        """The first frames, once."""
        ...

    def write(self, event: AnswerEvent) -> list[bytes]:
        """The frames of one part."""
        ...

    def failed(self, error: SignoffError) -> list[bytes]:
        """The last frames of a stream that came to nothing."""
        ...


def stopped(error: SignoffError, given: AnswerSource, instance: str) -> Response:
    """The answer where a run or a model came to nothing before anything was said."""
    response = problem(error, instance=instance, **given.going_on)
    if given.going_on:
        here = f"/threads/{given.going_on['thread_id']}/runs/{given.going_on['run_id']}"
        response.headers.update({"content-location": here, "location": f"{here}/join"})
    return response


async def streamed(given: AnswerSource, writer: FormWriter, instance: str) -> Response:
    """A stream. What goes wrong before its first frame is an HTTP error."""
    frames = _frames(given, writer)
    try:
        first = await anext(frames)
    except SignoffError as error:
        return stopped(error, given, instance)

    async def all_of_it() -> AsyncGenerator[bytes]:
        async with aclosing(frames):
            yield first
            async for frame in frames:
                yield frame

    return StreamingResponse(all_of_it(), media_type="text/event-stream")


async def _frames(given: AnswerSource, writer: FormWriter) -> AsyncGenerator[bytes]:
    """Raises only before the first one."""
    async with aclosing(given.events()) as events:
        try:
            if given.going_on:  # a run tells its first stage later than clients wait for a first word
                for frame in writer.start():
                    yield frame
            async for event in events:
                for frame in writer.write(event):
                    yield frame
        except SignoffError as error:
            if not writer.begun:
                raise
            for frame in writer.failed(error):
                yield frame

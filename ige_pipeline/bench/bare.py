"""The least that asking a model can cost: connections that send the same request over and over and read no answer."""

import asyncio
import json
from urllib.parse import urlsplit

from ige_pipeline.generation import answer, prompt
from ige_pipeline.generation.draft import Brief

_BRIEF = Brief(1, 1, "bench", "check_in", "Ada", "Nobody", {"item": "Call the two suppliers"}, "bench")


def bare_client(url: str, *, messages: int, in_flight: int) -> None:
    """Ask so often, with so many connections at once."""
    parts = urlsplit(url)
    body = json.dumps(
        {"model": "bench", "messages": prompt.messages(_BRIEF), "response_format": answer.RESPONSE_FORMAT}
    ).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-length: {len(body)}\r\n\r\n"
    asyncio.run(_ask_all(parts.hostname or "", parts.port or 80, head.encode() + body, messages, in_flight))


async def _ask_all(host: str, port: int, request: bytes, messages: int, in_flight: int) -> None:
    left = iter(range(messages))

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for _ in left:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(ask())

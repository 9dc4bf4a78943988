"""Requests are spread over small pools, the one with the fewest under way first."""

import asyncio

import httpx2

from ige_pipeline.generation.lanes import Lanes


class Pool(httpx2.AsyncBaseTransport):
    """Holds each request until all may go."""

    def __init__(self, go: asyncio.Event) -> None:
        self.go, self.under_way, self.closed = go, 0, False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.under_way += 1
        await self.go.wait()
        self.under_way -= 1
        return httpx2.Response(200, request=request)

    async def aclose(self) -> None:
        self.closed = True


def test_no_pool_has_more_under_way_than_another_by_two_and_all_are_closed() -> None:
    async def scene() -> tuple[list[int], list[int], list[bool]]:
        lanes, go = Lanes(connections=20), asyncio.Event()
        pools = [Pool(go) for _ in lanes._lanes]  # noqa: SLF001 - what a pool does is httpx's
        lanes._lanes = list(pools)  # type: ignore[arg-type]  # noqa: SLF001
        async with httpx2.AsyncClient(transport=lanes) as client, asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(client.get("http://127.0.0.1/"))
            while sum(pool.under_way for pool in pools) < 20:
                await asyncio.sleep(0)
            at_most = [pool.under_way for pool in pools]
            go.set()
        return at_most, lanes._under_way, [pool.closed for pool in pools]  # noqa: SLF001

    at_most, left, closed = asyncio.run(scene())

    assert sorted(at_most) == [6, 7, 7]
    assert left == [0, 0, 0]
    assert closed == [True, True, True]

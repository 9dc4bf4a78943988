"""Requests are spread over small pools, the one with the fewest under way first."""

import asyncio

import httpx2

from ige_pipeline.generation.lanes import Lanes


class Crowd:
    """Lets all go together, once so many are there."""

    def __init__(self, size: int) -> None:
        self.barrier = asyncio.Barrier(size)

    async def wait(self) -> None:
        await asyncio.wait_for(self.barrier.wait(), 10)


class Pool(httpx2.AsyncBaseTransport):
    """Holds each request until all are there, and counts its own."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd, self.taken, self.closed = crowd, 0, False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.taken += 1
        await self.crowd.wait()
        return httpx2.Response(200, request=request)

    async def aclose(self) -> None:
        self.closed = True


def test_no_pool_has_more_under_way_than_another_by_two_and_all_are_closed() -> None:
    async def scene() -> tuple[list[int], list[int], list[bool]]:
        lanes, crowd = Lanes(connections=20), Crowd(20)
        pools = [Pool(crowd) for _ in lanes._lanes]  # noqa: SLF001 - what a pool does is httpx's
        lanes._lanes = list(pools)  # type: ignore[arg-type]  # noqa: SLF001
        async with httpx2.AsyncClient(transport=lanes) as client:
            await asyncio.gather(*(client.get("http://127.0.0.1/") for _ in range(20)))
        return [pool.taken for pool in pools], lanes._under_way, [pool.closed for pool in pools]  # noqa: SLF001

    taken, left, closed = asyncio.run(scene())

    assert sorted(taken) == [6, 7, 7]
    assert left == [0, 0, 0]
    assert closed == [True, True, True]

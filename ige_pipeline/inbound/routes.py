"""`POST /replies` and `POST /receipts`: prove who sends, read, do, answer. Nothing that is sent for good is lost."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ige_pipeline.inbound.letter import Fields, Unreadable, letter_of, read_body, unreadable
from ige_pipeline.inbound.proof import Credentials, proven_by
from ige_pipeline.inbound.proof import Request as Proof
from ige_pipeline.inbound.receive import Taken, take, take_unreadable
from ige_pipeline.inbound.take_receipt import receipt_of, take_receipt
from ige_pipeline.postgres.connection import Connection, Pool
from ige_pipeline.settings import Settings

log = logging.getLogger(__name__)

_Body = Fields | Unreadable
_Act = Callable[[Connection, Request, _Body, str], Response]


@dataclass(frozen=True)
class Inbound:
    """The means that both routes share. `settings` is asked at each request, so that a changed file holds at once."""

    pool: Pool
    credentials: Credentials
    settings: Callable[[], Settings]

    def routes(self) -> list[Route]:
        """Return the routes of this room."""
        return [
            Route("/replies", self._route(self._reply), methods=["POST"]),
            Route("/receipts", self._route(self._receipt), methods=["POST"]),
        ]

    def _route(self, act: _Act) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            raw = await request.body()
            # A signature is over what was sent, and the clock of the machine that checks it.
            found = read_body(raw, content_type=request.headers.get("content-type", ""), query=request.url.query)
            given = found.given if isinstance(found, Fields) else ()
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            proof = proven_by(Proof(request.headers, target, raw, given), self.credentials, now=datetime.now(UTC))
            if proof is None:
                return JSONResponse({"error": "Nothing proves who sends this."}, status_code=401, headers=_HOW)
            return await run_in_threadpool(self._act, act, request, found, proof)

        return answer

    def _act(self, act: _Act, request: Request, found: _Body, proof: str) -> Response:
        with self.pool.connection() as conn:
            return act(conn, request, found, proof)

    def _reply(self, conn: Connection, request: Request, found: _Body, proof: str) -> Response:
        if isinstance(found, Unreadable):
            return _answer(take_unreadable(conn, found, proof=proof), form=found.form)
        letter = letter_of(found, webhook_id=request.headers.get("webhook-id", ""))
        if not (letter.sender or letter.media or (letter.text and letter.named)):
            return _answer(take_unreadable(conn, unreadable(found), proof=proof), form=found.form)
        return _answer(take(conn, letter, self.settings(), proof=proof), form=found.form)

    def _receipt(self, conn: Connection, _: Request, found: _Body, proof: str) -> Response:
        """Keep what is said of a text that we sent; what says of none is kept as a reply that cannot be read."""
        receipt = receipt_of(found) if isinstance(found, Fields) else None
        if receipt is None:
            return _answer(take_unreadable(conn, unreadable(found), proof=proof), form=found.form)
        taken = take_receipt(conn, receipt, self.settings(), proof=proof)
        log.info("Receipt of message %s: %s%s", taken.message_id, taken.status, ", a repeat" if taken.repeat else "")
        return Response(_NOTHING, media_type="text/xml") if found.form else JSONResponse(vars(taken))


_NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
_HOW = {"www-authenticate": "Bearer"}


def _answer(taken: Taken, *, form: bool) -> Response:
    """Answer as the sender understands it, TwiML for a form or else JSON; what is unreadable was kept all the same."""
    log.info("Reply %d: %s%s", taken.id, taken.meaning, ", a repeat" if taken.repeat else "")
    status = 422 if taken.meaning == "unreadable" else 200
    if form:
        said = "" if taken.answer is None else f"<Message>{escape(taken.answer)}</Message>"
        body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{said}</Response>'
        return Response(body, status_code=status, media_type="text/xml")
    return JSONResponse(as_json(taken), status_code=status)


def as_json(taken: Taken) -> Mapping[str, Any]:
    """Say what became of a reply, without its text and its number."""
    return {name: value for name, value in vars(taken).items() if name != "first_response"}

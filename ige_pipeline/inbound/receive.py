"""Take one reply: keep it, find whose it is, and do what it asks, in one transaction. What cannot be done is shown."""

import logging
from dataclasses import dataclass, replace
from typing import Any, assert_never

import psycopg

from ige_pipeline.inbound import opt_out
from ige_pipeline.inbound.correspondent import Correspondent, number_of, whose
from ige_pipeline.inbound.deadlock import unless_deadlocked
from ige_pipeline.inbound.feeling import RATING, Indicator
from ige_pipeline.inbound.keywords import OptOut
from ige_pipeline.inbound.letter import Letter, Unreadable, another_id
from ige_pipeline.inbound.meaning import Heard, Help, OptIn, Reply, Understood, in_view_of, understand
from ige_pipeline.inbound.opt_out_source import LIFTED_BY_START, LIFTED_BY_YES, Source
from ige_pipeline.inbound.trust import hold_trust, move_trust
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.settings import Settings

log = logging.getLogger(__name__)

_QUERIES = load(__package__, "receive.sql")
_NAMES = {OptOut: "opt_out", OptIn: "opt_in", Help: "help", Reply: "reply"}


@dataclass(frozen=True)
class Taken:
    """What became of a reply. `answer`: what the caller should text back, once for each `id`.

    `flag`: why a person should look at it.
    """

    id: int
    meaning: str
    repeat: bool = False
    contractor_id: int | None = None
    message_id: int | None = None
    first_response: bool = False
    answer: str | None = None
    cancelled: int = 0
    flag: str | None = None


def take_unreadable(conn: Connection, found: Unreadable, *, proof: str) -> Taken:
    """Keep what could not be read, for a person."""
    letter = Letter(found.provider_id, sender="", recipient="", text=found.text)
    return _keep(conn, letter, proof=proof, meaning="unreadable", rule=found.why, flag="unreadable")


def take(conn: Connection, letter: Letter, settings: Settings, *, proof: str) -> Taken:
    """Keep a reply and do what it asks; a repeat changes nothing, and within five minutes gets the same answer.

    It is read before the transaction, in which others wait.
    """
    read = understand(letter, our_words=settings.opt_out_text)
    return unless_deadlocked(lambda: _take(conn, letter, read, settings, proof=proof))


def _take(conn: Connection, letter: Letter, read: Understood, settings: Settings, *, proof: str) -> Taken:
    number = number_of(letter.sender, settings)
    with conn.transaction():
        if number is not None:
            conn.execute(_QUERIES["hold_number"], {"phone_e164": number})
        standing = opt_out.suppressed_by(conn, number) if number is not None else None
        heard = in_view_of(read, suppressed_by=standing)
        name, rule = _NAMES[type(heard.meaning)], heard.meaning.rule
        kept = _keep(conn, letter, proof=proof, meaning=name, rule=rule, phone_e164=number)
        if kept.repeat:
            return kept
        done = _Case(conn, letter, heard, number, standing, settings).settle(kept)
        _write(conn, done, heard)
    return done


def _keep(conn: Connection, letter: Letter, *, proof: str, meaning: str, **known: str | None) -> Taken:
    values: dict[str, Any] = {
        "provider_id": letter.provider_id,
        "proof": proof,
        "sent_from": letter.sender,
        "sent_to": letter.recipient,
        "phone_e164": None,
        "body": letter.text,
        "media": letter.media,
        "meaning": meaning,
        "rule": None,
        "flag": None,
    } | known
    row = conn.execute(_QUERIES["take"], values).fetchone()
    if row is not None:
        return Taken(row["id"], meaning, flag=values["flag"])
    first = conn.execute(_QUERIES["taken"], values).fetchone() or {}
    if first.pop("same"):
        return Taken(**first, repeat=True)
    # Whose ids are not unique must not make a STOP the repeat of something else.
    return _keep(conn, replace(letter, provider_id=another_id(letter)), proof=proof, meaning=meaning, **known)


def _write(conn: Connection, done: Taken, heard: Heard) -> None:
    values = vars(done) | {"indicator": heard.indicator and str(heard.indicator), "complaint": heard.complaint}
    conn.execute(_QUERIES["settle"], values)


@dataclass(frozen=True)
class _Case:
    """One reply and all that is known about it."""

    conn: Connection
    letter: Letter
    heard: Heard
    number: str | None
    standing: Source | None
    settings: Settings

    def settle(self, kept: Taken) -> Taken:
        """Write it into their messages, and do what it asks."""
        them = whose(self.conn, self.number, self.settings) if self.number is not None else Correspondent()
        if them.contractor_id is not None and self.heard.indicator is not None:
            # Before the message, as whoever writes down outcomes does: the other way round both would wait for ever.
            hold_trust(self.conn, [them.contractor_id])
        done = replace(
            kept,
            contractor_id=them.contractor_id,
            message_id=them.message_id,
            first_response=self._respond(them),
            flag=self._unmatched(them),
        )
        self._tell_of(done, them)
        match self.heard.meaning:
            case OptOut() as out:
                return self._opt_out(done, them, out)
            case OptIn(rule):
                return self._opt_in(done, rule)
            case Help():
                return replace(done, answer=self._answer(self.settings.help_text) if self._helps else None)
            case Reply():
                return replace(done, flag=done.flag or self._odd)
            case never:
                assert_never(never)

    @property
    def _odd(self) -> str | None:
        if self.heard.complaint:
            return "complaint"
        if self.heard.wants_again:
            return "wants_texts_again"
        if self.heard.cut:
            return "too_long"
        told = self.letter.named and (self.letter.text.strip() or self.letter.media)
        return None if told else "no_text"

    def _unmatched(self, them: Correspondent) -> str | None:
        if self.number is None:
            return "no_number"
        if them.contractor_id is None:
            return "unknown_number"
        if them.known_by == "earlier number":
            return "earlier_number"
        return "nothing_sent" if them.message_id is None else None

    def _respond(self, them: Correspondent) -> bool:
        """Write their answer into the newest message, unless an earlier one stands there; return whether it did.

        HELP and START answer nothing that we wrote: what comes after them is the response.
        """
        if them.message_id is None:
            return False
        # What they answer has arrived, whatever was said of it.
        self.conn.execute(_QUERIES["arrived"], {"message_id": them.message_id})
        if isinstance(self.heard.meaning, Help | OptIn):
            return False
        heard, values = self.heard, {"message_id": them.message_id, "body": self._said or "(no text)"}
        goes_on = isinstance(heard.meaning, Reply) and not heard.complaint
        poor = heard.complaint or isinstance(heard.meaning, OptOut)
        rating = 1 if poor else (RATING.get(heard.indicator) if heard.indicator else None)
        first = self.conn.execute(_QUERIES["respond"], values | {"goes_on": goes_on, "rating": rating}).rowcount > 0
        if first:
            _tell_the_old_system(self.conn, values)
        elif goes_on:
            self.conn.execute(_QUERIES["continue_conversation"], values)
        return first

    @property
    def _said(self) -> str:
        return self.letter.text.strip() if self.letter.named else ""

    def _tell_of(self, done: Taken, them: Correspondent) -> None:
        """Let their trust move by what they told, and a complaint pause them."""
        if self.heard.complaint:
            days = {"days": self.settings.complaint_pause_days, "contractor_ids": list(them.contractor_ids)}
            self.conn.execute(_QUERIES["pause"], days)
        if self.heard.indicator is not None and done.contractor_id is not None and not self._acted_already(done):
            cause = {"cause": "reply", "inbound_id": done.id, "message_id": done.message_id}
            why = f"Reply {done.id}: {str(self.heard.indicator).replace('_', ' ')}."
            move_trust(self.conn, done.contractor_id, self.heard.indicator, self.settings, why=why, cause=cause)

    def _acted_already(self, done: Taken) -> bool:
        """Whether their trust has moved because this message led to action: it does so once."""
        if self.heard.indicator is not Indicator.ACTED_ON_SUGGESTION:
            return False
        return self.conn.execute(_QUERIES["acted_already"], {"message_id": done.message_id}).fetchone() is not None

    def _opt_out(self, done: Taken, them: Correspondent, out: OptOut) -> Taken:
        flag = done.flag
        if out.doubtful:
            flag = "doubtful_opt_out"
        if self.number is None:
            return replace(done, flag="opt_out_without_number")
        source = Source.KEYWORD if out.keyword else Source.WORDS
        new = opt_out.suppress(self.conn, self.number, source=source, reason=f"reply {done.id}: {out.rule}")
        cancelled = opt_out.cancel_waiting(self.conn, them.reached_by_it, who=f"reply {done.id}", anew=new)
        answer = self._confirm(done, them) if new and self._confirms else None
        return replace(done, cancelled=cancelled, answer=answer, flag=flag)

    @property
    def _helps(self) -> bool:
        return self.settings.help_answer == "ours" and not self.heard.answered

    @property
    def _confirms(self) -> bool:
        return self.settings.opt_out_confirmation == "ours" and not self.heard.answered

    def _confirm(self, done: Taken, them: Correspondent) -> str | None:
        """Tell them once: through the outbox, or for a number that nobody has in the answer to whoever brought it."""
        text = self.settings.opt_out_confirmation_text
        if them.known_by != "number" or done.contractor_id is None:
            return self._answer(text)
        opt_out.confirm(self.conn, done.contractor_id, inbound_id=done.id, text=self._by_name(text))
        return None

    def _opt_in(self, done: Taken, rule: str) -> Taken:
        sources = LIFTED_BY_YES if rule.endswith("yes") else LIFTED_BY_START
        if self.number is None or self.standing is None:
            return done
        if not opt_out.lift(self.conn, self.number, sources=sources, who=f"reply {done.id}"):
            return replace(done, flag="wants_texts_again")
        return replace(done, answer=self._answer(self.settings.opt_in_text) if self._confirms else None)

    def _answer(self, text: str) -> str | None:
        """Have a text sent back, unless all sending is stopped."""
        row = self.conn.execute(_QUERIES["stopped"]).fetchone()
        return None if row is not None else self._by_name(text)

    def _by_name(self, text: str) -> str:
        return f"{self.settings.sender_name}: {text}" if self.settings.sender_name else text


def _tell_the_old_system(conn: Connection, values: dict[str, Any]) -> None:
    """Its own rows of a follow-up or an event message; what its tables refuse loses no reply."""
    try:
        with conn.transaction():
            conn.execute(_QUERIES["respond_to_follow_up"], values)
            conn.execute(_QUERIES["respond_to_event_message"], values)
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except psycopg.Error as error:
        log.error("A reply could not be written into the old system's table: %s", refused_sentence(error))  # noqa: TRY400

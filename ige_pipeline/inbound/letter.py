"""What a provider posts, as values: JSON from n8n, or the form that Twilio sends. Pure; nothing is too odd for it."""

import codecs
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl
from uuid import uuid4

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200
_LONGEST_ID = 200
_LONGEST_NUMBER = 100
_DEEPEST = 4
# Under which names providers send a thing; case, blanks and underscores do not count.
_NAMES = {
    "provider_id": ("providerid", "messagesid", "smssid", "smsmessagesid", "sid", "id"),
    "sender": ("from", "sender", "phone", "msisdn", "originator", "fromnumber"),
    "recipient": ("to", "recipient"),
    "text": ("text", "body", "message", "content", "messagebody", "messagetext"),
    "opt_out_type": ("optouttype",),
    "media": ("nummedia", "media"),
    "status": ("status", "messagestatus", "smsstatus"),
    "code": ("code", "errorcode"),
    "message_id": ("messageid",),
    "key": ("key", "idempotencykey"),
}


@dataclass(frozen=True)
class Fields:
    """A body that could be read: its fields by our names, as they came, and as the letters they came in.

    `rest` is what stands under names that nobody foresaw, where none is one of a text.
    """

    named: Mapping[str, str]
    given: Sequence[tuple[str, str]] = ()
    rest: str = ""
    form: bool = False
    raw: str = ""

    def get(self, name: str) -> str:
        """Return a field's value without blanks around it; empty where there is none."""
        return self.named.get(name, "").strip()


@dataclass(frozen=True)
class Unreadable:
    """A body that is neither a form nor a JSON object; `text` is as much of it as there are letters."""

    why: str
    text: str
    provider_id: str
    form: bool = False


@dataclass(frozen=True)
class Letter:
    """One text that somebody sent us. `named`: it stood where texts stand, and is not all that was left."""

    provider_id: str
    sender: str
    recipient: str
    text: str
    opt_out_type: str = ""
    media: int = 0
    named: bool = True


def read_body(body: bytes, *, content_type: str, query: str = "") -> Fields | Unreadable:
    """Read a body by its type, what the address adds to it included."""
    text, form = _letters(body), content_type.partition(";")[0].strip().lower() == _FORM
    try:
        if form:
            given = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="replace")
            return Fields(_named([*given, *_added(query)]), given, _rest(given), form=True, raw=text)
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _unreadable("it is neither a form nor JSON", text, body, form=form)
    found = _unwrapped(found)
    if not isinstance(found, dict):
        return _unreadable("it is JSON, but no object", text, body, form=form)
    pairs = _level_by_level(found)
    return Fields(_named([*pairs, *_added(query)]), rest=_rest(pairs), raw=text)


def unreadable(found: "Fields | Unreadable") -> Unreadable:
    """Return what lacks the fields that everything hangs on as something that cannot be read."""
    if isinstance(found, Unreadable):
        return found
    return _unreadable(
        "what it is about is not in it", found.raw, found.raw.encode("utf-8", "replace"), form=found.form
    )


def letter_of(fields: Fields, *, webhook_id: str = "") -> Letter:
    """Return the text that somebody sent; without an id of the provider's or the webhook's it gets one of its own.

    An id from its words would make of a second STOP, after a START, a repeat of the first.
    """
    media = fields.get("media")
    return Letter(
        provider_id=short_id(fields.get("provider_id") or webhook_id) or f"ours-{uuid4()}",
        sender=fields.get("sender").rpartition(":")[2][:_LONGEST_NUMBER],
        recipient=fields.get("recipient").rpartition(":")[2][:_LONGEST_NUMBER],
        text=fields.named.get("text", "") or fields.rest,
        opt_out_type=fields.get("opt_out_type").upper(),
        media=min(int(media), 99) if media.isascii() and media.isdigit() and len(media) < 4 else 0,  # noqa: PLR2004 - a count
        named=not fields.rest,
    )


def short_id(said: str) -> str:
    """Return an id that fits into an index: a longer one by its digest."""
    said = clean(said).strip()
    return said if len(said) <= _LONGEST_ID else f"sha256-{_digest(said.encode())}"


def another_id(letter: Letter) -> str:
    """Name a text whose provider gave it the id of another one: the same words of the same number are one."""
    told = f"{letter.provider_id}\0{letter.sender}\0{letter.text}"
    return f"sha256-{_digest(told.encode('utf-8', 'replace'))}"


def clean(text: str) -> str:
    """Return a text that Postgres can keep: no NUL, and no half of a character."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _added(query: str) -> list[tuple[str, str]]:
    """Take from the address which message a receipt is about, with its key; no signature of the body covers it."""
    said = {name: value for name, value in parse_qsl(query, errors="replace") if name in {"message_id", "key"}}
    return list(said.items()) if len(said) == 2 else []  # noqa: PLR2004 - both


def _level_by_level(found: Mapping[str, object]) -> list[tuple[str, str]]:
    """Take what stands at the top; what is missing there may be wrapped: `{"message": {"body": "STOP"}}`."""
    pairs: list[tuple[str, object]] = []
    level = [found]
    for _ in range(_DEEPEST):
        said = [(str(name), _unwrapped(value)) for each in level for name, value in each.items()]
        pairs += said
        level = [value for _, value in said if isinstance(value, dict)]
    return [(name, _word(value)) for name, value in pairs]


def _unwrapped(found: object) -> object:
    """Take the one thing out of a list that holds but one, as n8n wraps its items."""
    while isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found


def _letters(body: bytes) -> str:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What an old gateway sends that does not know better.
        return body.decode("cp1252", "replace")


def _named(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Sort by our names; of several the first that is not blank counts."""
    plain: dict[str, str] = {}
    for name, value in given:
        word = _letters_of(name)
        plain[word] = plain[word] if plain.get(word, "").strip() else clean(value)
    said = {word: value for word, value in plain.items() if value.strip()}
    return {ours: next((said[word] for word in theirs if word in said), "") for ours, theirs in _NAMES.items()}


def _rest(given: Sequence[tuple[str, str]]) -> str:
    """Return what stands under names that nobody foresaw, one below the other, unless there is a text or a status."""
    names = {_letters_of(name) for name, _ in given}
    if names & {*_NAMES["text"], *_NAMES["status"], *_NAMES["media"]}:
        return ""
    known = {name for theirs in _NAMES.values() for name in theirs}
    return clean("\n".join(value for name, value in given if value.strip() and _letters_of(name) not in known))


def _letters_of(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def _word(value: object) -> str:
    """Take words and figures; what is nested is nothing that we ask for."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _unreadable(why: str, text: str, body: bytes, *, form: bool) -> Unreadable:
    # The same bytes are the same letter: whoever tries it again and again fills no table.
    return Unreadable(why, clean(text), f"sha256-{_digest(body)}", form=form)


def _digest(said: bytes) -> str:
    return hashlib.sha256(said).hexdigest()

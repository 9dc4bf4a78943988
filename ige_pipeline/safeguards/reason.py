"""Why a message may not go: the words, and what each means for one that already lies in the outbox."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Every reason a recipient safeguard can give."""

    UNKNOWN_CONTRACTOR = "unknown_contractor"
    NO_PHONE = "no_phone"
    IMPOSSIBLE_PHONE = "impossible_phone"
    SUPPRESSED = "suppressed"
    CONSENT_REVOKED = "consent_revoked"
    CONSENT_UNKNOWN = "consent_unknown"
    PAUSED = "paused"
    UNDELIVERED = "undelivered"
    GAP = "gap"
    IGNORED = "ignored"
    LOW_TRUST = "low_trust"
    COMPLAINTS = "complaints"
    CAP_DAY = "cap_day"
    CAP_WEEK = "cap_week"
    CAP_30_DAYS = "cap_30_days"
    CAP_TYPE = "cap_type"
    CAP_STATE = "cap_state"
    CHANGED_SINCE = "changed_since"
    QUIET_HOURS = "quiet_hours"
    UNEVALUATED = "unevaluated"
    OUTRANKED = "outranked"


class Effect(StrEnum):
    """What a reason does to a message that is about to be sent."""

    POSTPONE = "postpone"
    CANCEL = "cancel"
    DEAD = "dead"


@dataclass(frozen=True)
class Rule:
    """How a reason acts: on a promised message too, and at sending how."""

    promised_too: bool
    at_sending: Effect


RULES = {
    Reason.UNKNOWN_CONTRACTOR: Rule(promised_too=True, at_sending=Effect.DEAD),
    Reason.NO_PHONE: Rule(promised_too=True, at_sending=Effect.DEAD),
    Reason.IMPOSSIBLE_PHONE: Rule(promised_too=True, at_sending=Effect.DEAD),
    Reason.SUPPRESSED: Rule(promised_too=True, at_sending=Effect.CANCEL),
    Reason.CONSENT_REVOKED: Rule(promised_too=True, at_sending=Effect.CANCEL),
    # Somebody may still state the basis; until then it waits, and expires.
    Reason.CONSENT_UNKNOWN: Rule(promised_too=True, at_sending=Effect.POSTPONE),
    Reason.PAUSED: Rule(promised_too=True, at_sending=Effect.POSTPONE),
    Reason.UNDELIVERED: Rule(promised_too=False, at_sending=Effect.POSTPONE),
    Reason.GAP: Rule(promised_too=False, at_sending=Effect.POSTPONE),
    Reason.IGNORED: Rule(promised_too=False, at_sending=Effect.POSTPONE),
    Reason.LOW_TRUST: Rule(promised_too=False, at_sending=Effect.CANCEL),
    Reason.COMPLAINTS: Rule(promised_too=False, at_sending=Effect.POSTPONE),
    Reason.CAP_DAY: Rule(promised_too=False, at_sending=Effect.POSTPONE),
    Reason.CAP_WEEK: Rule(promised_too=False, at_sending=Effect.POSTPONE),
    Reason.CAP_30_DAYS: Rule(promised_too=False, at_sending=Effect.POSTPONE),
    Reason.CAP_TYPE: Rule(promised_too=False, at_sending=Effect.POSTPONE),
    # The other caps are manners; this one is a law, and holds for what was promised, too.
    Reason.CAP_STATE: Rule(promised_too=True, at_sending=Effect.POSTPONE),
    Reason.CHANGED_SINCE: Rule(promised_too=True, at_sending=Effect.CANCEL),
    Reason.QUIET_HOURS: Rule(promised_too=True, at_sending=Effect.POSTPONE),
    Reason.UNEVALUATED: Rule(promised_too=True, at_sending=Effect.POSTPONE),
}

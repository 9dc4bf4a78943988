"""Whether a number may be texted at all: it is one, nobody opted out of it, and somebody consented.

These hold for promised messages as well. No finding shows a number.
"""

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from ige_pipeline.safeguards.finding import Finding, Safeguard, rows_of
from ige_pipeline.safeguards.phone import PhoneVerdict
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.settings import Settings

_CONSENTS = ("given", "revoked", "none")


def phone(frame: pd.DataFrame, settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """A number must be there and possible; a local one without area code passes unless the check is strict."""
    allowed = [PhoneVerdict.POSSIBLE] if settings.phone_check == "strict" else _DIALLABLE
    for row in rows_of(frame[~frame["phone_verdict"].isin([each.value for each in allowed])]):
        verdict = PhoneVerdict(row.phone_verdict)
        reason = Reason.NO_PHONE if verdict is PhoneVerdict.NONE else Reason.IMPOSSIBLE_PHONE
        yield row.Index, Finding(reason, observed=verdict.value, limit=f"a number of {settings.default_region}")


def suppressed(frame: pd.DataFrame, _settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """Who opted out hears nothing more, under whatever name the number is stored."""
    for row in rows_of(frame[frame["suppressed"].ne(other=False)]):
        yield row.Index, Finding(Reason.SUPPRESSED, observed="opted out", limit="no opt-out for this number")


def consent(frame: pd.DataFrame, settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """A revoked consent always blocks; none at all does unless the setting states a basis in words.

    Where messages cannot leave this machine (`consent_needed` is false), nobody has to have consented.
    """
    told = frame["consent"]
    if not told.isin(_CONSENTS).all():
        raise ValueError("A consent is neither given, nor revoked, nor none.")
    for row in rows_of(frame[told.eq("revoked")]):
        yield row.Index, Finding(Reason.CONSENT_REVOKED, observed="revoked", limit="a consent that holds")
    if settings.consent_basis.strip():
        return
    for row in rows_of(frame[told.eq("none") & frame["consent_needed"].ne(other=False)]):
        limit = "a row in ige_consents, or consent_basis"
        yield row.Index, Finding(Reason.CONSENT_UNKNOWN, observed="none recorded", limit=limit)


_DIALLABLE = [PhoneVerdict.POSSIBLE, PhoneVerdict.LOCAL_ONLY]

RIGHTS = (
    Safeguard(phone, needs=("phone_verdict",)),
    Safeguard(suppressed, needs=("suppressed",)),
    Safeguard(consent, needs=("consent", "consent_needed")),
)

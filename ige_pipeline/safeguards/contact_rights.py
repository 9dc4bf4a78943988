"""Whether a number may be texted at all: it is one, nobody opted out of it, and somebody consented.

These hold for promised messages as well. No finding shows a number.
"""

from collections.abc import Iterable
from datetime import datetime

from ige_pipeline.safeguards.finding import NOTHING, Finding, Row, Safeguard
from ige_pipeline.safeguards.phone import PhoneVerdict
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.settings import Settings


def phone(row: Row, settings: Settings, _now: datetime) -> Iterable[Finding]:
    """A number must be there and possible; a local one without area code passes unless the check is strict."""
    verdict = PhoneVerdict(row["phone_verdict"])
    if verdict is PhoneVerdict.POSSIBLE:
        return NOTHING
    if verdict is PhoneVerdict.LOCAL_ONLY and settings.phone_check != "strict":
        return NOTHING
    reason = Reason.NO_PHONE if verdict is PhoneVerdict.NONE else Reason.IMPOSSIBLE_PHONE
    return (Finding(reason, observed=verdict.value, limit=f"a number of {settings.default_region}"),)


def suppressed(row: Row, _settings: Settings, _now: datetime) -> Iterable[Finding]:
    """Who opted out hears nothing more, under whatever name the number is stored."""
    if row["suppressed"] is False:
        return NOTHING
    return (Finding(Reason.SUPPRESSED, observed="opted out", limit="no opt-out for this number"),)


def consent(row: Row, settings: Settings, _now: datetime) -> Iterable[Finding]:
    """A revoked consent always blocks; none at all does unless the setting states a basis in words.

    Where messages cannot leave this machine (`consent_needed` is false), nobody has to have consented.
    """
    match row["consent"]:
        case "given":
            return NOTHING
        case "revoked":
            return (Finding(Reason.CONSENT_REVOKED, observed="revoked", limit="a consent that holds"),)
        case "none" if row["consent_needed"] is False or settings.consent_basis.strip():
            return NOTHING
        case "none":
            limit = "a row in ige_consents, or consent_basis"
            return (Finding(Reason.CONSENT_UNKNOWN, observed="none recorded", limit=limit),)
    raise ValueError("A consent is neither given, nor revoked, nor none.")


RIGHTS = (
    Safeguard(phone, needs=("phone_verdict",)),
    Safeguard(suppressed, needs=("suppressed",)),
    Safeguard(consent, needs=("consent", "consent_needed")),
)

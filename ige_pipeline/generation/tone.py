"""How a contractor is spoken to, by how far it trusts the concierge: in words, since a score must never be told."""

_UNKNOWN = "You hardly know one another yet. Friendly and modest: one easy question, and no familiarity."
_BY_TRUST = (
    (80, "They trust you and you have come a long way together. Familiar and direct; a light touch is welcome."),
    (60, "They know you well. Warm and open, as between people who have worked together for a while."),
    (40, "You are getting to know one another. Friendly and modest: one easy question, nothing presumed."),
    (0, "They are wary of you. Careful and polite, the shortest text of all, no pressure: it must be easy to ignore."),
)
ALL = (_UNKNOWN, *(words for _, words in _BY_TRUST))
"""Every tone there is."""


def towards(trust: float | None) -> str:
    """Return the tone for a trust of 0 to 100; None is somebody of whom nothing is known."""
    if trust is None:
        return _UNKNOWN
    return next((words for least, words in _BY_TRUST if trust >= least), _BY_TRUST[-1][1])

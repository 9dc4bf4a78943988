"""One proactive message for each contractor and batch: the highest priority wins, the others say who won."""

import pandas as pd

from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.reason import Reason

ONE_MESSAGE = "one message per contractor and batch"
"""What somebody was outranked by, in words; piece.sql says the same of those whom it decides about."""


def outranked(frame: pd.DataFrame, *, blocked: set[int]) -> dict[int, list[Finding]]:
    """Return {index: why} for candidates that lose to another of the same contractor.

    Promised messages neither win nor lose; blocked ones do not compete. Ties go to the more urgent, then the older row,
    so that a repeated run agrees with the first.
    """
    rivals = frame[~frame.index.isin(blocked) & frame["promised"].ne(other=True)]
    order = rivals.sort_values(["priority", "urgency", "id"], ascending=[False, False, True])
    first = order.drop_duplicates("contractor_id").set_index("contractor_id")[["trigger_name", "id"]]
    losers = order[order.duplicated("contractor_id")]
    won = losers[["contractor_id"]].join(first, on="contractor_id")
    return {
        int(index): [_lost_to(trigger, decision)]
        for index, trigger, decision in zip(won.index, won["trigger_name"], won["id"], strict=True)
    }


def _lost_to(trigger: str, decision: int) -> Finding:
    return Finding(
        Reason.OUTRANKED,
        observed=f"{trigger} (decision {decision})",
        limit=ONE_MESSAGE,
    )

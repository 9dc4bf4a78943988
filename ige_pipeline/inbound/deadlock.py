"""What Postgres undid because two waited for one another is done again: whoever brought it may never bring it twice."""

import logging
from collections.abc import Callable
from typing import TypeVar

from psycopg.errors import DeadlockDetected

log = logging.getLogger(__name__)
_MORE_TIMES = 3
T = TypeVar("T")


def unless_deadlocked(act: Callable[[], T]) -> T:
    """Do what is one transaction; after a deadlock once more, a few times."""
    for _ in range(_MORE_TIMES):
        try:
            return act()
        except DeadlockDetected:
            log.warning("Postgres undid what came in, for a deadlock: it is done again.")
    return act()

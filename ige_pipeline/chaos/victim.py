"""A delivery run in a process of its own, to be killed: the same two functions that every other run calls."""

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg

from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.endpoint import WebhookEndpoint
from ige_pipeline.delivery.target import Target
from ige_pipeline.postgres.connection import connect
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

SAID_WHY = 2
"""The exit code of a run that ended with one clear sentence."""

_IMPORTED_BEFORE = [
    __name__,
    "phonenumbers.geocoder",
    "phonenumbers.timezone",
    "ige_pipeline.delivery.rescreen",
]


def deliver_all(database_url: str, webhook_url: str, told: Path | None = None, at_once: int = 10) -> None:
    """Deliver what is due at no pace worth the name; a refusal goes to the file `told`, as the command line's would."""
    settings = Settings(messages_per_second=1000, max_messages_per_run=100_000, delivery_concurrency=at_once)
    try:
        with connect(database_url) as conn:
            endpoint = WebhookEndpoint(Target(webhook_url, timeout_s=5))
            deliver(conn, endpoint, settings, run_id=f"chaos-{os.getpid()}")
    except (Refusal, psycopg.Error) as error:
        sentence = str(error) if isinstance(error, Refusal) else refused_sentence(error)
        if told is not None:
            with told.open("a") as file:
                file.write(sentence + "\n")
        sys.exit(SAID_WHY)


def forks() -> ForkServerContext:
    """Return a source of processes that have already imported what they need, so that a restart takes no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED_BEFORE)
    return context


def end_of(victim: BaseProcess, *, within_s: float) -> int | None:
    """Wait for a run's end and return how it ended; None for one that had to be ended by us."""
    victim.join(within_s)
    code = victim.exitcode
    if code is None:
        victim.kill()
        victim.join()
    victim.close()
    return code

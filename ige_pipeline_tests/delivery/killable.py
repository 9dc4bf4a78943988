"""A delivery run in a process of its own, to be killed."""

from contextlib import closing

from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.endpoint import Target, WebhookEndpoint
from ige_pipeline.postgres.connection import connect
from ige_pipeline.settings import Settings

PRELOADED = [
    __name__,
    "pytest",
    "pandas",
    "phonenumbers.geocoder",
    "phonenumbers.timezone",
    "ige_pipeline.safeguards.screen",
    "ige_pipeline.delivery.rescreen",
]


def deliver_all(database_url: str, webhook_url: str) -> None:
    """Deliver what is due, at no pace worth the name, over one connection that dies with the process."""
    target = Target(webhook_url, timeout_s=5)
    settings = Settings(messages_per_second=1000, max_messages_per_run=10_000)
    with connect(database_url) as conn, closing(WebhookEndpoint(target)) as endpoint:
        deliver(conn, endpoint, settings, run_id="killable")

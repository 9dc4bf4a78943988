"""The checks. To add one, write a function that yields findings and name it in CHECKS. None changes anything."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from ige_pipeline.delivery.outbox import standing
from ige_pipeline.doctor.around import clocks, daemon, model, told
from ige_pipeline.doctor.finding import Check, Finding, Surroundings
from ige_pipeline.ledger.home import WHAT_TO_ANSWER, Whereabouts, whereabouts
from ige_pipeline.postgres.queries import load
from ige_pipeline.watch.figures import read
from ige_pipeline.watch.judge import judge

_QUERIES = load(__package__, "checks.sql")
_WEBHOOKS = ("N8N_OUTBOUND_WEBHOOK_URL", "N8N_WEBHOOK_URL")
_CONNECT_S = 5.0


def variables(look: Surroundings) -> Iterator[Finding]:
    """Every variable is known and well formed."""
    _ = look.settings, look.environment.executor, look.environment.log_format, look.environment.alert_webhook
    if look.environment.schedules_on and look.environment.get("IGE_DATABASE_URL") is None:
        yield Finding(
            "Schedules are on and IGE_DATABASE_URL is not set: a server of this machine's own is used.",
            "Set IGE_DATABASE_URL to the application's database.",
        )
    first, second = (look.environment.get(name) for name in _WEBHOOKS)
    if first and second and first != second:
        yield Finding(
            f"{_WEBHOOKS[0]} and {_WEBHOOKS[1]} name different webhooks, and the first is used.",
            f"Unset {_WEBHOOKS[1]}.",
        )


def database(look: Surroundings) -> Iterator[Finding]:
    """It answers, is at this code's schema, and is where it was."""
    look.conn.execute("SELECT 1")
    match whereabouts(look.conn):
        case Whereabouts.ELSEWHERE:
            yield Finding(
                "This database was restored, copied or taken over: nothing is decided or sent.",
                f"If it takes the place of the original: {WHAT_TO_ANSWER}.",
            )
        case Whereabouts.UNKNOWN:
            yield Finding(
                "Where this database lives is not known: a restored copy would send again what its original sent.",
                "Type `ige migrate`, which writes it down. If that does not help, let this role execute "
                "pg_control_system, pg_current_wal_lsn and pg_walfile_name; or type `ige stop` before any restore.",
            )
        case Whereabouts.AT_HOME:
            pass


def webhook(look: Surroundings) -> Iterator[Finding]:
    """Its address is well formed, its name resolves, it accepts connections, and its certificate is good.

    Nothing is asked of it: some workflows start at any request. Whether the path is right only a message can tell.
    """
    target = look.environment.target(look.settings)
    try:
        _shake_hands(target.url)
    except socket.gaierror:
        yield Finding(f"The name of the webhook's host ({target.host}) does not resolve.", f"Mend {target.variable}.")
    except ssl.SSLError as error:
        yield Finding(
            f"The webhook at {target.host} has a bad certificate ({error.reason or type(error).__name__}).",
            "Renew it there, or let its authority be known to this machine; messages stay due meanwhile.",
        )
    except OSError as error:
        yield Finding(
            f"The webhook at {target.host} does not accept connections ({error.strerror or type(error).__name__}).",
            f"Start n8n, or mend {target.variable}; messages stay due meanwhile.",
        )


def sending(look: Surroundings) -> Iterator[Finding]:
    """It is on, and nothing of the old system waits to be looked at."""
    now = standing(look.conn)
    if now.stopped:
        yield Finding(f"All sending is stopped ({now.stop_reason}).", "`ige start` lifts it once the reason is gone.")
    if not now.adopted:
        yield Finding("Work of the old system is held.", "Look at it, and release it, with `ige adopt`.")


def senders(look: Surroundings) -> Iterator[Finding]:
    """Nobody but us marks messages as sent."""
    row = look.conn.execute(_QUERIES["sent_by_others"]).fetchone() or {}
    if row.get("messages"):
        yield Finding(
            f"Messages that became sent without us: {row['messages']}, the last at {row['last_at']:%Y-%m-%d %H:%M %Z}: "
            "two systems send from one table.",
            "Stop the old delivery worker. Delivery here waits for an hour after the last one, so that nobody is "
            "texted twice (IGE_IGNORE_OTHER_SENDER=true overrides that). To go back to the old one, see `ige retire`.",
        )


def consent(look: Surroundings) -> Iterator[Finding]:
    """Somebody wrote down why people may be texted."""
    if not look.environment.consent_needed or look.settings.consent_basis.strip():
        return
    row = look.conn.execute(_QUERIES["any_consent"]).fetchone() or {}
    if not row.get("given"):
        yield Finding(
            "Nobody may be texted: consent_basis is empty, and ige_consents has no row.",
            "State the basis in ige.toml, in words, after asking whoever answers for it.",
        )


def outbox(look: Surroundings) -> Iterator[Finding]:
    """What is due leaves, and nothing died lately."""
    row = look.conn.execute(_QUERIES["overdue"]).fetchone() or {}
    if row.get("messages"):
        yield Finding(
            f"Messages that have been due for over an hour: {row['messages']}.",
            "See that the Dagster daemon is up and IGE_SCHEDULES is on, and look at the last delivery run; `ige run "
            "deliver` sends now. If runs do deliver, more is scheduled than the pace allows: see `ige status`.",
        )
    row = look.conn.execute(_QUERIES["died_lately"]).fetchone() or {}
    if row.get("messages"):
        yield Finding(f"Messages that died within a day: {row['messages']}.", "`ige dead list` says of what.")


def runs(look: Surroundings) -> Iterator[Finding]:
    """Both jobs succeeded within twice their interval, by what they left in the database: the daemon may be dead."""
    judged = judge(read(look.conn), look.settings)
    for name in ("delivery_deadman", "scheduling_deadman"):
        if not judged[name].passed:
            what, _, todo = judged[name].sentence.partition(": ")
            yield Finding(f"{what}.", todo[:1].upper() + todo[1:].partition("; `ige doctor`")[0] + ".")


def answers(look: Surroundings) -> Iterator[Finding]:
    """The webhook's last answer did not say that the address is wrong."""
    row = look.conn.execute(_QUERIES["last_fault"]).fetchone()
    if row is not None:
        yield Finding(
            f"The webhook last answered {row['reason']} at {row['ended_at']:%Y-%m-%d %H:%M %Z}: the endpoint is wrong, "
            "not the messages.",
            "See that the n8n workflow is published and its path, method and token are those set here; after "
            "http_401 or http_403 look at IGE_WEBHOOK_AUTH_HEADER, IGE_WEBHOOK_SECRET and the clocks.",
        )


CHECKS: tuple[Check, ...] = (
    variables,
    database,
    clocks,
    webhook,
    model,
    daemon,
    sending,
    senders,
    consent,
    outbox,
    runs,
    answers,
    told,
)


def _shake_hands(url: str) -> None:
    """Connect as a POST would, TLS and certificate included, and say nothing."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with socket.create_connection((host, port), timeout=_CONNECT_S) as plain:
        if parts.scheme == "https":
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host):
                pass

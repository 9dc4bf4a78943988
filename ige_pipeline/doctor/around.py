"""Checks of what runs beside us: clocks, Dagster's daemon and its switches, the model's key, and whoever is told."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ige_pipeline.doctor.finding import Finding, NotLookedAt, Surroundings
from ige_pipeline.generation.access import usable_key, usable_url
from ige_pipeline.postgres.queries import load
from ige_pipeline.watch.figures import read
from ige_pipeline.watch.judge import judge

if TYPE_CHECKING:
    import dagster as dg

_QUERIES = load(__package__, "around.sql")
_CLOCKS_DIFFER_S = 30
_SILENT_AFTER = timedelta(minutes=5)
_ASK_WITHIN_S = 8.0
# `outbox` and `runs` say more of these.
_TOLD_ELSEWHERE = {"oldest_due", "delivery_deadman", "scheduling_deadman"}


def clocks(look: Surroundings) -> Iterator[Finding]:
    """The machine's clock is the database's, and the application's times are read in the zone they are written in."""
    row = look.conn.execute(_QUERIES["clock"]).fetchone() or {}
    yield from apart(datetime.now(UTC), row["now"])
    if row["ahead"]:
        yield Finding(
            f"The application wrote times up to {row['ahead_minutes']:.0f} min ahead of now, read in {row['zone']}.",
            "Its sessions use another time zone than ours: set the same for all, e.g. ALTER DATABASE … SET timezone.",
        )


def apart(here: datetime, there: datetime) -> Iterator[Finding]:
    """Two clocks that were read at the same moment agree, to half a minute."""
    seconds = abs((here - there).total_seconds())
    if seconds > _CLOCKS_DIFFER_S:
        yield Finding(
            f"This machine's clock and the database's differ by {seconds:.0f} s.",
            "Let both follow NTP. Messages go by the database's clock, signatures and schedules by this one's.",
        )


def daemon(look: Surroundings) -> Iterator[Finding | NotLookedAt]:
    """Where DAGSTER_HOME says which Dagster: its daemon lives, and nothing of ours is switched off."""
    home = look.environment.get("DAGSTER_HOME")
    if home is None:
        yield NotLookedAt("DAGSTER_HOME is not set here, so which Dagster runs our jobs is not known.")
        return
    if not look.environment.schedules_on:
        yield Finding(
            "IGE_SCHEDULES is not on: nothing runs by itself.", "Set IGE_SCHEDULES=on for daemon and webserver."
        )
    # Two seconds to import, and only here.
    from dagster import DagsterInstance  # noqa: PLC0415

    if not os.path.isfile(os.path.join(home, "dagster.yaml")):  # noqa: PTH113, PTH118 - one question
        yield Finding("DAGSTER_HOME holds no dagster.yaml.", "Copy deploy/dagster.yaml there, or mend DAGSTER_HOME.")
        return
    try:
        with DagsterInstance.from_config(home) as instance:
            found = list(_daemon_of(instance))
    except Exception as error:  # noqa: BLE001 - of Dagster, of its storage's driver, of YAML: all mean the same here
        # The text may hold an address with its password.
        yield Finding(
            f"Dagster's own database cannot be used ({type(error).__name__}).",
            "See that it is up, and that DAGSTER_POSTGRES_URL and dagster.yaml in DAGSTER_HOME are right.",
        )
        return
    yield from found


def _daemon_of(instance: "dg.DagsterInstance") -> Iterator[Finding]:
    # One process with a thread for each; any of them may hang while the others go on.
    heard = {name: datetime.fromtimestamp(at.timestamp, UTC) for name, at in instance.get_daemon_heartbeats().items()}
    needed = instance.get_required_daemon_types()
    silent = [name for name in needed if name not in heard or datetime.now(UTC) - heard[name] > _SILENT_AFTER]
    if silent:
        last = max((heard[name] for name in silent if name in heard), default=None)
        when = "has never run" if last is None else f"was last heard of at {last:%Y-%m-%d %H:%M %Z}"
        part = "" if len(silent) == len(needed) else f" ({', '.join(sorted(silent))})"
        yield Finding(
            f"Dagster's daemon{part} {when}.",
            f"{'Restart' if part else 'Start'} `dagster-daemon run`, exactly one, with this DAGSTER_HOME.",
        )
    off = sorted(state.name for state in instance.all_instigator_state() if state.status.value == "STOPPED")
    if off:
        yield Finding(f"Switched off in Dagster: {', '.join(off)}.", "Switch them on under Automation.")


def model(look: Surroundings) -> Iterator[Finding | NotLookedAt]:
    """Where a key is set, or a setting wants one: it is valid and the model exists. Asking for that costs nothing."""
    key = look.environment.get("OPENAI_API_KEY")
    if key is None:
        if look.settings.replies_read_by_model:
            yield Finding("No model reads replies: OPENAI_API_KEY is not set.", "Set it, or replies_read_by_model off.")
        yield NotLookedAt("OPENAI_API_KEY is not set here: the built-in templates write.")
        return
    import openai  # noqa: PLC0415 - costs a second

    name = look.environment.model_name
    address = look.environment.get("OPENAI_BASE_URL")
    client = openai.OpenAI(
        # A key that cannot be a header would be shown by the error that says so.
        api_key=usable_key(key),
        base_url=None if address is None else usable_url(address),
        timeout=_ASK_WITHIN_S,
        max_retries=0,
    )
    try:
        client.models.retrieve(name)
    except (openai.AuthenticationError, openai.PermissionDeniedError):
        yield Finding("The model's server refuses OPENAI_API_KEY.", "Set a valid key; templates write meanwhile.")
    except openai.NotFoundError:
        yield Finding(f"There is no model {name} for this key.", "Mend IGE_OPENAI_MODEL; templates write meanwhile.")
    except openai.APIConnectionError:
        yield Finding("The model's server cannot be reached.", "Mend OPENAI_BASE_URL or the network; templates write.")
    except openai.APIStatusError as error:
        yield Finding(f"The model's server answered {error.status_code}.", "Templates write while it does.")


def told(look: Surroundings) -> Iterator[Finding]:
    """Every check passes, and whoever is to be told of alerts was."""
    for name, each in judge(read(look.conn), look.settings).items():
        if not each.passed and name not in _TOLD_ELSEWHERE:
            yield Finding(each.sentence)
    row = look.conn.execute(_QUERIES["untold"]).fetchone() or {}
    if row.get("alerts") and look.environment.alert_webhook is not None:
        yield Finding(
            f"Alerts that could not be told for over an hour: {row['alerts']}.",
            "See that IGE_ALERT_WEBHOOK_URL is right and reachable, and that `checks_sensor` runs.",
        )

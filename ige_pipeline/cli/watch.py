"""`ige watch`: one round of the checks, told at once, by a timer that does not hang on Dagster."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import psycopg

from ige_pipeline.cli.output import say
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal
from ige_pipeline.watch.round import Round, look
from ige_pipeline.watch.tell import tell, tell_directly, was_told

# Without Postgres and with malformed settings `alert_minutes` may not be known.
_AT_MOST_EVERY = timedelta(minutes=30)


@click.command()
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that remembers when somebody was last told that the database cannot be used. Without it, each time.",
)
@click.pass_context
def watch(context: click.Context, state: Path | None) -> None:
    """Ask every check once and post alerts to IGE_ALERT_WEBHOOK_URL, also while Dagster is down: for a timer.

    Exits with 1 when a check fails, when the database cannot be used, or when nobody could be told.
    """
    environment = Environment.of_process()
    url = environment.alert_webhook
    if url is None:
        raise Refusal("IGE_ALERT_WEBHOOK_URL is not set: nobody would be told.")
    try:
        with environment.checked_database().connect() as conn:
            done = look(conn, environment.settings)
            said = tell(conn, url, done.limits)
    except (Refusal, psycopg.Error) as error:
        sentence = str(error) if isinstance(error, Refusal) else refused_sentence(error)
        _show([sentence, _told_without_postgres(url, sentence, state)])
        context.exit(1)
    _show([*_over(url, state), *_lines(done, said)])
    context.exit(1 if done.failing or not was_told(said) else 0)


def _lines(done: Round, said: str | None) -> list[str]:
    return [*(done.failing or ["All checks pass."]), *([said] if said else [])]


def _told_without_postgres(url: str, sentence: str, state: Path | None) -> str:
    if state is not None and state.exists():
        told = datetime.fromtimestamp(state.stat().st_mtime, UTC)
        if datetime.now(UTC) - told < _AT_MOST_EVERY:
            return f"Told at {told:%H:%M %Z} already."
    if (why_not := tell_directly(url, kind="database", about="postgres", sentence=sentence)) is not None:
        return why_not
    if state is not None:
        state.touch()
    return "Told it."


def _over(url: str, state: Path | None) -> list[str]:
    """Whoever was told that the database cannot be used is told that it can be."""
    if state is None or not state.exists():
        return []
    sentence = "The database can be used again."
    if (why_not := tell_directly(url, kind="database", about="postgres", sentence=sentence)) is not None:
        return [sentence, why_not]
    state.unlink()
    return [sentence]


def _show(lines: list[str]) -> None:
    for line in lines:
        say(line)

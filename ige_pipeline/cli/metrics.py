"""`ige metrics`: the figures in Prometheus' text format, printed or written into a textfile collector's folder."""

from pathlib import Path

import click

from ige_pipeline.environment import Environment
from ige_pipeline.refusal import Refusal
from ige_pipeline.watch.metrics import metrics as figures


@click.command()
@click.option("--write", "path", type=click.Path(path_type=Path), help="Write to this file, whole or not at all.")
def metrics(path: Path | None) -> None:
    """Print figures and checks in Prometheus' text format, under the names that the checks have everywhere."""
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        text = figures(conn, environment.settings())
    if path is None:
        click.echo(text, nl=False)
        return
    # A collector that looks meanwhile must not read half of it.
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise Refusal(f"{path} cannot be written ({error.strerror}).") from error

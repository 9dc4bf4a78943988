"""A job of Dagster's that does nothing, in as many ops as a delivery run has: what it costs is Dagster's own."""

import dagster as dg


@dg.op
def first() -> None:
    """Do nothing."""


@dg.op(ins={"after": dg.In(dg.Nothing)})
def second() -> None:
    """Do nothing."""


@dg.op(ins={"after": dg.In(dg.Nothing)})
def third() -> None:
    """Do nothing."""


@dg.job(executor_def=dg.in_process_executor)
def empty() -> None:
    """One after the other."""
    third(second(first()))

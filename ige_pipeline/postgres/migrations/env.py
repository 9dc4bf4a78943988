"""Run the migrations on one connection, each in its own transaction, never waiting long for a lock."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from ige_pipeline.postgres.schema import VERSION_TABLE


def run() -> None:
    """Apply what is missing; the URL comes from `ige_pipeline.postgres.migrate`."""
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        # A migration that waits for a lock makes every statement of the other programs wait behind it.
        tries_ms = round(context.config.attributes["patience"].try_for_s * 1000)
        connection.execute(text("SELECT set_config('lock_timeout', :ms, false)"), {"ms": str(tries_ms)})
        connection.commit()
        context.configure(connection=connection, version_table=VERSION_TABLE, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()

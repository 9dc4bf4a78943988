"""What a Celery worker loads: `celery --app ige_pipeline.celery_worker worker --queues dagster`.

It takes the steps of runs whose executor is Celery's, from the broker that IGE_CELERY_URL names. The instance of
Dagster and the job come with the step; the database and everything else from the worker's own environment.
"""

from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from ige_pipeline.environment import Environment

app = make_app()
_url = Environment.of_process().celery_url
app.conf.update(
    broker_url=_url,
    result_backend=_url,
    # A step that takes longer than this would be given to a second worker; a run ends before (dagster/max_runtime).
    broker_transport_options={"visibility_timeout": 7200},
    # Shards are long and few: a worker takes the next one when it is free, not ahead of time.
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)
execute_plan = create_task(app)

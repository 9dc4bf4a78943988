"""Where the steps of a run go: one process, several, Celery's workers, or a pod of Kubernetes each."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import dagster as dg

from ige_pipeline.refusal import Refusal


def executor_of(
    name: str, *, celery_url: str = "", importer: Callable[[str], Any] = import_module
) -> dg.ExecutorDefinition:
    """Return the executor that IGE_EXECUTOR names; Refusal when the package for it is not installed.

    `celery_url` is the broker that Celery's workers listen to; what a step answers comes back the same way.
    """
    match name:
        case "celery":
            celery = _installed("dagster_celery", extra=name, importer=importer).celery_executor
            config = {"broker": celery_url, "backend": celery_url}
            return cast("dg.ExecutorDefinition", celery.configured(config, name=name))
        case "k8s":
            # Image, namespace and limits are those of the run's own pod.
            k8s = _installed("dagster_k8s", extra=name, importer=importer).k8s_job_executor
            return cast("dg.ExecutorDefinition", k8s.configured({}, name=name))
        case "multiprocess":
            return dg.multiprocess_executor
        case _:
            return dg.in_process_executor


def _installed(package: str, *, extra: str, importer: Callable[[str], Any]) -> Any:
    try:
        return importer(package)
    except ImportError as error:
        needed = f"pip install 'ige_pipeline[{extra}]'"
        raise Refusal(f"IGE_EXECUTOR is {extra}, which needs a package that is not installed: {needed}.") from error

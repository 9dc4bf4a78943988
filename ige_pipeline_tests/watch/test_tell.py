"""Who is told of an alert, how often, and what happens while nobody can be told."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from ige_pipeline.delivery.alert import end_alerts, raise_alert
from ige_pipeline.postgres.connection import Connection, Database
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.stage import stage_op
from ige_pipeline.watch.failure import build_failure_sensor, end_of_failures
from ige_pipeline.watch.figures import Figures
from ige_pipeline.watch.judge import judge
from ige_pipeline.watch.round import look, raise_and_end
from ige_pipeline.watch.tell import post, tell
from ige_pipeline.watch.untold import Untold, UntoldAlerts
from ige_pipeline_tests.delivery.loopback import receiving
from ige_pipeline_tests.factories import ago

LIMITS = Settings(alert_minutes=30, dagster_url="https://dagster.example")
NOBODY = "http://127.0.0.1:9/alerts"


def raised(conn: Connection, about: str = "n8n.example", sentence: str = "n8n.example fails.") -> None:
    raise_alert(conn, kind="circuit_open", about=about, sentence=sentence)


def half_an_hour_passes(conn: Connection) -> None:
    conn.execute(
        "UPDATE ige_alerts SET told_at = told_at - interval '31 min', end_told_at = end_told_at - interval '31 min'"
    )


def test_an_alert_is_told_at_once_and_once_with_what_since_when_and_where_to_look(conn: Connection) -> None:
    raised(conn)

    with receiving() as desk:
        first, second = (tell(conn, desk.url, LIMITS) for _ in range(2))

    ((_, body),) = desk.posts
    assert (first, second) == ("Told 1 alerts.", None)
    assert body["text"].startswith("ige_pipeline:\n- since 20")
    assert body["text"].endswith(
        ": n8n.example fails.\nLook with `ige status` and `ige doctor`. https://dagster.example"
    )
    assert [alert["about"] for alert in body["alerts"]] == ["n8n.example"]
    assert body["suppressed"] == 0


def test_what_happens_within_half_an_hour_is_counted_and_told_with_the_next(conn: Connection) -> None:
    raised(conn)
    with receiving() as desk:
        tell(conn, desk.url, LIMITS)
        for _ in range(4):
            raised(conn, sentence="n8n.example fails still.")
        raised(conn, about="other")
        assert tell(conn, desk.url, LIMITS) is None
        half_an_hour_passes(conn)
        assert tell(conn, desk.url, LIMITS) == "Told 2 alerts."

    body = desk.posts[1][1]
    assert [(alert["about"], alert["times"]) for alert in body["alerts"]] == [("n8n.example", 5), ("other", 1)]
    assert body["suppressed"] == 3
    assert ", 5 times: n8n.example fails still." in body["text"]


def test_that_it_is_over_is_told_too(conn: Connection) -> None:
    raised(conn)
    with receiving() as desk:
        tell(conn, desk.url, LIMITS)
        end_alerts(conn, about="n8n.example")
        half_an_hour_passes(conn)
        tell(conn, desk.url, LIMITS)
        half_an_hour_passes(conn)
        assert tell(conn, desk.url, LIMITS) is None

    assert [body["alerts"][0]["over"] for _, body in desk.posts] == [False, True]


@pytest.mark.parametrize("trouble", ["down", "slow", "refusing"])
def test_while_it_cannot_be_told_it_waits_and_is_told_once_that_is_over(
    conn: Connection, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    raised(conn)
    with receiving(lambda _body: 500, delay_s=0.5 if trouble == "slow" else 0) as bad:
        said = tell(conn, NOBODY if trouble == "down" else bad.url, LIMITS, within_s=0.2)

    with receiving() as good:
        assert tell(conn, good.url, LIMITS) == "Told 1 alerts."
    assert said is not None
    assert said.startswith("The alert webhook ")
    assert said in caplog.text
    assert "127.0.0.1" not in said


def test_two_machines_do_not_tell_the_same(conn: Connection, database_url: str) -> None:
    raised(conn)
    with receiving() as desk, Database(database_url).connect() as other:
        other.execute("SELECT pg_advisory_lock(hashtext('ige_alerts'))")
        assert tell(conn, desk.url, LIMITS) is None
        other.execute("SELECT pg_advisory_unlock(hashtext('ige_alerts'))")
        assert tell(conn, desk.url, LIMITS) == "Told 1 alerts."


def test_a_check_that_fails_is_one_alert_until_it_passes(conn: Connection) -> None:
    fine = Figures(asked_at=ago())
    overdue = Figures(asked_at=ago(), due=1, oldest_due_minutes=999, spent_today_usd=19, open_circuits={"a": "b"})

    for seen in (fine, overdue, overdue):
        raise_and_end(conn, judge(seen, LIMITS))
    # A warning is shown and not told, and the circuit raises its own.
    assert alerts(conn) == [("check", "oldest_due", 1, False)]
    raise_and_end(conn, judge(fine, LIMITS))

    assert alerts(conn) == [("check", "oldest_due", 1, True)]


def test_a_check_that_passes_is_over_and_one_that_fails_told_once_however_many_other_alerts_are_open(
    conn: Connection,
) -> None:
    fine = Figures(asked_at=ago())
    overdue = Figures(asked_at=ago(), due=1, oldest_due_minutes=999)
    raise_and_end(conn, judge(overdue, LIMITS))
    for each in range(21):
        raised(conn, about=f"n8n{each}.example")

    raise_and_end(conn, judge(overdue, LIMITS))
    raise_and_end(conn, judge(fine, LIMITS))

    assert alerts(conn)[0] == ("check", "oldest_due", 1, True)


def test_a_typo_in_the_settings_is_an_alert_and_the_checks_go_on(conn: Connection) -> None:
    def malformed() -> Settings:
        raise Refusal("ige.toml: max_due_minutes is too small.")

    done, mended = look(conn, malformed), look(conn, Settings)

    assert len(done.judged) > 5
    assert done.failing == [
        "ige.toml: max_due_minutes is too small; until that is mended the checks go by the defaults."
    ]
    assert mended.failing == []
    assert alerts(conn) == [("check", "settings", 1, True)]


def alerts(conn: Connection) -> list[tuple[Any, ...]]:
    rows = conn.execute("SELECT kind, about, times, ended_at IS NOT NULL AS over FROM ige_alerts ORDER BY id")
    return [tuple(row.values()) for row in rows]


@stage_op(kinds=set(), first=True)
def refuse(context: dg.OpExecutionContext) -> None:
    if context.has_tag("refuse"):
        raise Refusal("All sending is stopped.")
    if context.has_tag("break"):
        raise ValueError("+12125550188 was not expected")


@dg.job
def failing() -> None:
    refuse()


def test_a_failed_run_is_an_alert_until_the_next_success(conn: Connection, database_url: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance, receiving() as desk:
        runs = [fail(instance, tag) for tag in ("refuse", "break")]
        for each in runs:
            hear(each, instance, lambda: Database(database_url), desk.url)
        end_of_failures(conn, instance)
        before = alerts(conn)
        failing.execute_in_process(instance=instance)
        end_of_failures(conn, instance)

    (told,) = [body["alerts"][0]["sentence"] for _, body in desk.posts]
    assert told == f"failing failed in refuse (run {runs[0].run_id[:8]}): All sending is stopped."
    assert before == [("run_failed", "failing", 2, False)]
    assert alerts(conn) == [("run_failed", "failing", 2, True)]
    # Of an error that is not ours only the name is told: its text may hold a number.
    sentence = conn.execute("SELECT sentence FROM ige_alerts").fetchone()
    assert sentence == {"sentence": f"failing failed in refuse (run {runs[1].run_id[:8]}): ValueError."}


def test_a_failure_is_told_although_postgres_cannot_be_reached() -> None:
    def gone() -> Database:
        raise Refusal("Postgres cannot be reached.")

    with dg.DagsterInstance.ephemeral() as instance, receiving() as desk:
        hear(fail(instance, "refuse"), instance, gone, desk.url)

    assert "the database cannot be used" in desk.posts[0][1]["text"]
    assert "All sending is stopped." in desk.posts[0][1]["text"]


def test_malformed_settings_keep_no_failure_from_being_written_down(conn: Connection, database_url: str) -> None:
    def malformed() -> Settings:
        raise Refusal("ige.toml is malformed.")

    with dg.DagsterInstance.ephemeral() as instance, receiving() as desk:
        hear(fail(instance, "refuse"), instance, lambda: Database(database_url), desk.url, settings=malformed)

    assert alerts(conn) == [("run_failed", "failing", 1, False)]
    assert "database" not in desk.posts[0][1]["text"]


def test_without_postgres_it_is_told_once_in_half_an_hour_and_what_could_not_be_told_is_written_down_later(
    conn: Connection,
) -> None:
    now = [0.0]
    untold = UntoldAlerts(clock=lambda: now[0])
    untold.add(Untold("run_failed", "a_job", "a_job failed."))

    lost = untold.tell(NOBODY)
    with receiving() as desk:
        told = [untold.tell(desk.url), untold.tell(desk.url)]
        for _ in range(3):
            untold.add(Untold("run_failed", "a_job", "a_job failed again."))
        told.append(untold.tell(desk.url))
        now[0] = 1801
        told.append(untold.tell(desk.url))
    untold.write_down(conn)

    assert "not reached" in str(lost)
    assert [each is not None for each in told] == [True, False, False, True]
    assert [body["alerts"][0]["sentence"] for _, body in desk.posts] == [
        "a_job failed.",
        "a_job failed again. (and 2 more)",
    ]
    assert alerts(conn) == [("run_failed", "a_job", 4, False)]
    assert untold.waiting == []


PROMISED = {"ige/batch": "promised"}
DRY = {"resources": {"request": {"config": {"dry_run": True}}}}
FEW = {"resources": {"request": {"config": {"triggers": ["stalled_goal"]}}}}


@pytest.mark.parametrize(
    ("failed", "succeeded", "over"),
    [
        ("a_job", {}, True),
        ("a_job", {"tags": {"ige/batch": "whole"}}, True),
        ("a_job", {"tags": PROMISED}, False),
        ("a_job", {"run_config": DRY}, False),
        ("a_job", {"run_config": FEW}, False),
        ("a_job", {"job_name": "another"}, False),
        ("a_job (promised)", {"tags": PROMISED, "run_config": FEW}, True),
        ("a_job (promised)", {}, True),
        ("a_job (promised)", {"run_config": DRY}, False),
    ],
)
def test_only_a_success_at_what_failed_ends_the_alert(
    conn: Connection, failed: str, succeeded: dict[str, Any], *, over: bool
) -> None:
    raise_alert(conn, kind="run_failed", about=failed, sentence="It failed.")
    with dg.DagsterInstance.ephemeral() as instance:
        run: dict[str, Any] = {"job_name": "a_job", "status": dg.DagsterRunStatus.SUCCESS} | succeeded
        create_run_for_test(instance, **run)
        conn.execute("UPDATE ige_alerts SET last_at = now() + interval '1 minute'")
        end_of_failures(conn, instance)
        assert alerts(conn)[0][3] is False, "What succeeded before it failed ends nothing."
        conn.execute("UPDATE ige_alerts SET last_at = now() - interval '1 minute'")
        end_of_failures(conn, instance)

    assert alerts(conn)[0][3] is over


def test_a_success_ends_no_alert_of_another_kind(conn: Connection) -> None:
    raise_alert(conn, kind="check", about="a_job", sentence="A check that is called like a job.")
    with dg.DagsterInstance.ephemeral() as instance:
        create_run_for_test(instance, job_name="a_job", status=dg.DagsterRunStatus.SUCCESS)
        conn.execute("UPDATE ige_alerts SET last_at = now() - interval '1 minute'")
        end_of_failures(conn, instance)

    assert alerts(conn)[0][3] is False


def test_an_alert_follows_no_redirect() -> None:
    with receiving() as elsewhere:

        class Redirecting(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(307)
                self.send_header("location", elsewhere.url)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            said = post(f"http://127.0.0.1:{server.server_address[1]}/", {})
            server.shutdown()

    assert said == "The alert webhook answered 307: what it should tell waits."
    assert elsewhere.posts == []


def fail(instance: dg.DagsterInstance, tag: str) -> dg.ExecuteInProcessResult:
    return failing.execute_in_process(instance=instance, raise_on_error=False, tags={tag: "yes"})


def hear(
    result: dg.ExecuteInProcessResult,
    instance: dg.DagsterInstance,
    database: Any,
    url: str,
    *,
    settings: Callable[[], Settings] = lambda: LIMITS,
    untold: UntoldAlerts | None = None,
) -> None:
    """Do what Dagster's daemon does with a run that failed."""
    sensor = build_failure_sensor(
        status=dg.DefaultSensorStatus.RUNNING,
        database=database,
        settings=settings,
        alerts=lambda: url,
        untold=untold or UntoldAlerts(),
    )
    context = dg.build_run_status_sensor_context(
        sensor_name=sensor.name,
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    )
    sensor(context.for_run_failure())

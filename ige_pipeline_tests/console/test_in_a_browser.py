"""The console in a real browser: what a person does there, by mouse, by keyboard and on a phone.

`make test-console` runs this; it needs Chromium and its driver.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import uvicorn
from psycopg.types.json import Jsonb
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from ige_pipeline.console.desk import in_a_thread
from ige_pipeline.console.routes import routes
from ige_pipeline.delivery import outbox
from ige_pipeline.delivery.alert import raise_alert
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.postgres.connection import open_pool
from ige_pipeline.serve import app, run
from ige_pipeline_tests.cli.people import make_awake_contractor
from ige_pipeline_tests.console.desks import TOKENS, make_desk
from ige_pipeline_tests.console.test_replies import make_reply, suppressed
from ige_pipeline_tests.console.test_waiting import make_draft, verdict
from ige_pipeline_tests.factories import (
    Conn,
    ago,
    fetch,
    make_batch,
    make_decision,
    make_goal,
    make_message,
    make_reviewed_decision,
    make_sent_message,
    make_trust,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PAGES = ("/", "/messages", "/replies", "/why-not", "/drafts", "/dead", "/triggers", "/what-if", "/stop")

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="no chromium and chromedriver: apt install chromium chromium-driver",
    ),
    # Selenium leaves the pipe to its driver to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Browser:
    """A browser with somebody before it, who is logged in."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver, self.address = driver, address

    def open(self, path: str) -> None:
        """Go to a page."""
        self.driver.get(f"{self.address}/console{path}")

    def log_in(self, role: str) -> None:
        """Come in with the token of a role, by keyboard alone: the field has the focus."""
        self.driver.delete_all_cookies()
        self.open("/login")
        self.driver.switch_to.active_element.send_keys(TOKENS[role], Keys.ENTER)
        self.wait_for("Overview")

    def find(self, selector: str) -> WebElement:
        """Return the first element of a selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, text: str) -> None:
        """Click the link or button that says so, and wait for what comes of it."""
        said = f"[normalize-space()='{text}']"
        self.driver.find_element(By.XPATH, f"//a{said} | //button{said}").click()

    def confirm(self, **fields: str) -> None:
        """Fill in what the page asks for, and say that it is meant."""
        for name, value in fields.items():
            self.find(f"form.ask input[name={name}]").send_keys(value)
        self.find("form.ask button.primary").click()

    def wait_for(self, text: str) -> None:
        """Wait until the page says something."""
        WebDriverWait(self.driver, 15, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda driver: text in driver.find_element(By.TAG_NAME, "body").text
        )

    def press(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def size(self, width: int, height: int = 844) -> None:
        """Be a screen of that size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def complaints(self) -> list[str]:
        """Return what the browser has complained about since it was last asked: blocked scripts, missing files."""
        told = self.driver.get_log("browser")
        return [each["message"] for each in told if each["level"] == "SEVERE" and " 40" not in each["message"]]


@contextmanager
def serving(conn: Conn, url: str) -> Iterator[str]:
    with open_pool(url, size=4) as pool, run.listen("127.0.0.1", 0) as listening:
        desk = replace(make_desk(conn, IGE_DATABASE_URL=url), open_connection=pool.connection, beside=in_a_thread)
        config = uvicorn.Config(app.application(pool, routes(desk)), log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def browser(shared_conn: Conn, server_url: str) -> Iterator[Browser]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for each in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    url = urlsplit(server_url)._replace(path=f"/{shared_conn.info.dbname}").geturl()
    with serving(shared_conn, url) as address:
        driver = webdriver.Chrome(options=options, service=Service(executable_path=DRIVER))
        try:
            yield Browser(driver, address)
        finally:
            driver.quit()


@pytest.fixture(scope="module")
def ada(shared_conn: Conn) -> int:
    """Somebody with a history, whose words try to be more than words."""
    ada = make_awake_contractor(shared_conn, first_name="Zelda", last_name="Quimby", company_name="Quimby Roofs")
    make_goal(shared_conn, ada)
    for days, score in ((20, 40), (10, 55), (3, 62)):
        make_trust(shared_conn, ada, score, recorded_at=ago(days=days))
    make_sent_message(
        shared_conn,
        ada,
        message_content="How did the permit go?",
        contractor_response="<img src=x onerror=alert(1)> Fine!",
    )
    return ada


def test_somebody_finds_a_message_and_reads_its_story(browser: Browser, ada: int) -> None:
    browser.log_in("viewer")
    browser.click("Messages")
    browser.find("#q").send_keys("permit")
    WebDriverWait(browser.driver, 10).until(lambda driver: "q=permit" in driver.current_url)
    browser.find("table.list a.row").click()

    browser.wait_for("Its story")
    body = browser.find("body").text
    assert "How did the permit go?" in body
    assert "<img src=x onerror=alert(1)> Fine!" in body
    assert f"/contractors/{ada}" in browser.driver.page_source
    assert browser.complaints() == []


def test_a_pause_asks_first_and_is_shown(browser: Browser, shared_conn: Conn, ada: int) -> None:
    browser.log_in("operator")
    browser.open(f"/contractors/{ada}")
    browser.click("Pause")
    assert fetch(shared_conn, "contractors", ada)["ai_proactive_paused"] is False

    browser.find("input[name=reason]").send_keys("On holiday")
    browser.find("form.ask button.primary").click()

    browser.wait_for("Paused: nothing is sent to them.")
    assert fetch(shared_conn, "contractors", ada)["ai_pause_reason"] == "On holiday"
    browser.click("Resume")
    browser.confirm(reason="Back again")
    browser.wait_for("The pause is lifted.")
    browser.wait_for("Back again")
    assert fetch(shared_conn, "contractors", ada)["ai_proactive_paused"] is False
    assert browser.complaints() == []


def test_somebody_is_opted_out_and_let_in_again(browser: Browser, shared_conn: Conn, ada: int) -> None:
    number = fetch(shared_conn, "contractors", ada)["phone"]
    browser.log_in("operator")
    browser.open(f"/contractors/{ada}")
    browser.click("Opt out")
    browser.confirm(reason="Said so by phone")

    browser.wait_for("They are opted out")
    assert suppressed(shared_conn, number)
    browser.click("Lift the opt-out")
    browser.confirm(reason="Said so by mail")
    browser.wait_for("The opt-out is lifted.")
    assert not suppressed(shared_conn, number)
    assert browser.complaints() == []


def test_a_number_that_nobody_has_is_opted_out_on_the_line_of_its_reply(browser: Browser, shared_conn: Conn) -> None:
    make_reply(shared_conn, phone_e164="+13055550123", body="who is this", flag="unknown_number")
    browser.log_in("operator")
    browser.open("/replies")
    browser.click("opt out")
    browser.wait_for("…0123")
    browser.confirm(reason="Said so by phone")

    browser.wait_for("They are opted out")
    assert suppressed(shared_conn, "+13055550123")
    browser.click("lift the opt-out")
    browser.confirm(reason="A mistake of ours")
    browser.wait_for("The opt-out is lifted.")
    assert not suppressed(shared_conn, "+13055550123")


def test_a_flagged_reply_waits_until_somebody_says_that_they_looked(browser: Browser, shared_conn: Conn) -> None:
    flagged = make_reply(shared_conn, body="stop by on Friday, or do not", flag="doubtful_opt_out")
    browser.log_in("operator")
    browser.open(f"/replies?flagged=yes&before={flagged + 1}")
    browser.click("I have")
    browser.confirm()

    browser.wait_for("You have looked at it.")
    assert fetch(shared_conn, "ige_inbound_messages", flagged)["seen_by"] == "console (operator)"
    assert browser.complaints() == []


def test_a_draft_is_written_anew_and_approved(browser: Browser, shared_conn: Conn) -> None:
    draft = make_draft(shared_conn, make_awake_contractor(shared_conn, first_name="Drew"))
    browser.log_in("operator")
    browser.open("/drafts")
    browser.find(f"#draft-{draft} a[href$='/edit']").click()
    text = browser.find("textarea[name=text]")
    text.clear()
    text.send_keys("Hi Drew, did you call the suppliers yet?")
    browser.confirm()

    browser.wait_for("did you call the suppliers yet?")
    assert verdict(shared_conn, draft) == "held"
    browser.find(f"#draft-{draft} a[href$='/approve']").click()
    browser.wait_for("did you call the suppliers yet?")
    browser.confirm()
    browser.wait_for("The draft is approved and scheduled.")
    assert verdict(shared_conn, draft) == "scheduled"
    assert browser.complaints() == []


def test_a_held_batch_is_released(browser: Browser, shared_conn: Conn) -> None:
    batch = make_batch(shared_conn)
    reasons = Jsonb([{"reason": "blast_radius", "observed": "60 contractors", "limit": "50"}])
    held = make_reviewed_decision(
        shared_conn,
        batch,
        make_awake_contractor(shared_conn),
        verdict="held",
        decided_at=ago(minutes=5),
        reasons=reasons,
    )
    shared_conn.execute(
        """UPDATE ige_batches SET counts = '{"held": 1}', closed_at = now() WHERE id = %s""", [batch.id]
    )
    browser.log_in("operator")
    browser.open("/drafts")
    browser.click("Approve the batch")
    browser.confirm()

    browser.wait_for("The batch is approved; its messages are scheduled.")
    assert verdict(shared_conn, held) == "scheduled"


def test_another_threshold_is_tried_and_the_page_shows_by_itself_what_came_of_it(browser: Browser) -> None:
    browser.log_in("operator")
    browser.open("/triggers")
    browser.open("/what-if")
    browser.find("select[name=setting]").send_keys("high_priority_min_score")
    browser.find("input[name=value]").send_keys("10")
    browser.click("Try it")

    WebDriverWait(browser.driver, 60).until(
        lambda _: "would be judged differently" in browser.find("body").text, "no trial came to its end"
    )
    assert "high_priority_min_score = 10" in browser.find("#trial").text
    assert browser.complaints() == []


def test_somebody_asks_why_there_was_nothing_in_an_hour(browser: Browser, shared_conn: Conn, ada: int) -> None:
    batch = make_batch(shared_conn)
    reasons = Jsonb([{"reason": "paused", "observed": "On holiday", "limit": None}])
    make_decision(shared_conn, batch, ada, verdict="blocked", decided_at=ago(), reasons=reasons)
    browser.log_in("viewer")
    browser.click("Why not")
    browser.find("input[name=contractor]").send_keys(str(ada))
    at = browser.find("input[name=at]")
    hour = f"{datetime.now(UTC):%Y-%m-%dT%H:00}"
    browser.driver.execute_script("arguments[0].value = arguments[1]", at, hour)
    at.submit()

    browser.wait_for(f"in the hour of {hour.replace('T', ' ')} UTC")
    browser.wait_for("Zelda Quimby")
    browser.wait_for("paused")
    assert browser.complaints() == []


def test_a_dead_letter_is_chosen_and_sent_again(browser: Browser, shared_conn: Conn, ada: int) -> None:
    dead = make_message(shared_conn, ada, dead_at=ago(hours=1), dead_reason="http_400", attempts=1)
    browser.log_in("operator")
    browser.open("/dead")
    browser.find("input[data-all]").click()
    browser.click("Send the chosen ones again")
    browser.wait_for("Send 1 dead letter again?")
    browser.find("form.ask button.primary").click()

    browser.wait_for("Sent on their way again")
    assert fetch(shared_conn, "ai_proactive_messages", dead)["dead_at"] is None


def test_all_sending_is_stopped_and_started_from_any_page(browser: Browser, shared_conn: Conn) -> None:
    browser.log_in("operator")
    browser.open("/triggers")
    browser.click("Stop all sending")
    browser.find("input[name=reason]").send_keys("A wrong template")
    browser.find("form.ask button.primary").click()
    browser.wait_for("All sending is stopped.")
    assert outbox.standing(shared_conn).stopped

    browser.open("/messages")
    browser.click("Start sending")
    browser.find("form.ask button.primary").click()
    browser.wait_for("Sending is on")
    assert not outbox.standing(shared_conn).stopped


def test_who_may_only_look_is_offered_no_change_and_refused_one(browser: Browser, ada: int) -> None:
    browser.log_in("viewer")
    browser.open(f"/contractors/{ada}")
    offered = [each.text for each in browser.driver.find_elements(By.CSS_SELECTOR, "a.button, button")]
    assert not {"Pause", "Stop all sending", "Resume"} & set(offered)

    browser.open(f"/contractors/{ada}/pause")

    browser.wait_for("You may look, not change")


def test_the_overview_tells_news_by_itself_and_says_when_none_comes(browser: Browser, shared_conn: Conn) -> None:
    browser.log_in("operator")
    set_stop(shared_conn, on=True, reason="the provider is down", who="ige (ada)")
    try:
        browser.wait_for("the provider is down")
    finally:
        set_stop(shared_conn, on=False, reason=None, who="ige (ada)")
    offline(browser, on=True)
    try:
        browser.wait_for("This page is not live since")
    finally:
        offline(browser, on=False)
    WebDriverWait(browser.driver, 15).until(lambda _: "not live" not in browser.find("body").text)
    browser.complaints()


def offline(browser: Browser, *, on: bool) -> None:
    """Cut the browser off, or let it back."""
    cut = {"offline": on, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", cut)


def test_everything_can_be_reached_by_keyboard(browser: Browser, ada: int) -> None:
    browser.log_in("viewer")
    browser.find("body").send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element.text == "Skip to the content"

    browser.find("body").send_keys("g", "m")
    browser.wait_for("Search")
    browser.find("body").send_keys("/")
    assert browser.driver.switch_to.active_element.get_attribute("name") == "q"
    browser.press(Keys.TAB)
    browser.find("body").send_keys("j")
    assert (browser.driver.switch_to.active_element.get_attribute("class") or "") == "row"
    browser.press(Keys.ENTER)
    browser.wait_for("Its story")
    assert ada


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_screen_and_text_can_be_read(
    browser: Browser, shared_conn: Conn, ada: int, width: int, scheme: str
) -> None:
    raise_alert(shared_conn, kind="check", about="pace", sentence="More arrives than can leave.")
    make_message(shared_conn, ada, dead_at=ago(hours=1), dead_reason="http_400", attempts=1)
    make_draft(shared_conn, ada)
    browser.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.size(width)
    browser.log_in("operator")
    for path in (*PAGES, f"/contractors/{ada}", f"/why-not?contractor={ada}"):
        browser.open(path)
        wide = browser.driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, path
        assert unreadable(browser) == [], path
    assert browser.complaints() == []


UNREADABLE = """
const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgba = (colour) => {
  paint.clearRect(0, 0, 1, 1); paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
  return [...paint.getImageData(0, 0, 1, 1).data].map((v, n) => n < 3 ? v : v / 255);
};
const over = (top, below) => [0, 1, 2].map((n) => top[n] * top[3] + below[n] * (1 - top[3])).concat(1);
const paper = (element) => {
  if (!element) return rgba(matchMedia('(prefers-color-scheme: dark)').matches ? 'black' : 'white');
  return over(rgba(getComputedStyle(element).backgroundColor), paper(element.parentElement));
};
const light = (colour) => {
  const [r, g, b] = colour.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const bad = [];
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const field = element.matches('input:not([type=hidden]):not([type=checkbox]), textarea, select');
  if (!(own || field) || !element.checkVisibility() || element.closest('.skip, title')) continue;
  const style = getComputedStyle(element), back = paper(element);
  const inks = [element instanceof SVGElement ? style.fill : style.color];
  if (field && element.placeholder) inks.push(getComputedStyle(element, '::placeholder').color);
  for (const colour of inks) {
    const ink = over(rgba(colour), back);
    const ratio = (Math.max(light(ink), light(back)) + 0.05) / (Math.min(light(ink), light(back)) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) {
      bad.push(`${ratio.toFixed(2)} ${element.className} ${element.textContent.trim().slice(0, 40)}`);
    }
  }
}
return bad;
"""


def unreadable(browser: Browser) -> list[str]:
    """Return what has too little contrast with what is behind it (WCAG 2 AA), as the browser has painted it."""
    return list(browser.driver.execute_script(UNREADABLE))

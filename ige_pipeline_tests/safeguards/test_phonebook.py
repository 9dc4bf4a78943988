"""Numbers are read once, whatever they look like, and never leave the database."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import DictRow

from ige_pipeline.safeguards.phone import Phone, PhoneVerdict, Place, place_of, read_phone
from ige_pipeline.safeguards.phonebook import entry, look_up, read_numbers, read_others
from ige_pipeline_tests.factories import ago, make_contractor, make_sent_message, one

Conn = psycopg.Connection[DictRow]


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def book(conn: Conn) -> dict[str, DictRow]:
    return {row["raw"]: row for row in conn.execute("SELECT * FROM ige_phones")}


def place(e164: str) -> Place:
    return place_of(Phone(PhoneVerdict.POSSIBLE, e164))


@pytest.mark.parametrize(
    ("number", "zones", "state"),
    [
        ("+13055550123", ("America/New_York",), "FL"),
        ("+12125550123", ("America/New_York",), "NY"),
        ("+19155550123", ("America/Denver",), "TX"),
        ("+12065550123", ("America/Los_Angeles",), "WA"),
        ("+12025550123", ("America/New_York",), "DC"),
        ("+14165550123", ("America/Toronto",), None),
        ("+442079460123", ("Europe/London",), None),
    ],
)
def test_a_number_says_where_it_was_given_out(number: str, zones: tuple[str, ...], state: str | None) -> None:
    assert place(number) == Place(zones, state)


@pytest.mark.parametrize("toll_free", ["+18005550123", "+18885550123"])
def test_a_toll_free_number_says_nothing(toll_free: str) -> None:
    assert place(toll_free) == Place()


def test_a_number_abroad_that_may_ring_anywhere_is_not_taken_for_one_of_the_us() -> None:
    assert place("+2025550188").zones == ("Etc/Unknown",)
    assert len(place("+79161234567").zones) > 4


def test_a_number_that_cannot_be_dialled_lies_nowhere() -> None:
    assert place_of(Phone(PhoneVerdict.IMPOSSIBLE)) == Place()


def test_a_number_is_read_once(conn: Conn) -> None:
    ids = [make_contractor(conn, phone=each) for each in ("(305) 555-0123", "(305) 555-0123", "555-0123", "call me")]

    assert read_numbers(conn, ids, region="US") == 3
    assert read_numbers(conn, ids, region="US") == 0

    known = book(conn)
    assert {raw: (row["verdict"], row["e164"], row["local_digits"]) for raw, row in known.items()} == {
        "(305) 555-0123": ("possible", "+13055550123", None),
        "555-0123": ("local_only", None, "5550123"),
        "call me": ("impossible", None, None),
    }
    assert (known["(305) 555-0123"]["zones"], known["(305) 555-0123"]["state"]) == (["America/New_York"], "FL")


def test_only_the_numbers_of_those_asked_about_are_read(conn: Conn) -> None:
    make_contractor(conn, phone="+13055550123")

    assert read_numbers(conn, [make_contractor(conn, phone=None)], region="US") == 0
    assert book(conn) == {}


def test_a_new_release_of_the_library_reads_again(conn: Conn) -> None:
    contractor = make_contractor(conn, phone="+13055550123")
    read_numbers(conn, [contractor], region="US")
    conn.execute("UPDATE ige_phones SET read_by = 'phonenumbers 1.0', verdict = 'impossible', e164 = NULL")

    assert read_numbers(conn, [contractor], region="US") == 1
    assert book(conn)["+13055550123"]["verdict"] == "possible"


def test_the_same_number_may_mean_another_in_another_region(conn: Conn) -> None:
    contractor = make_contractor(conn, phone="030 901820")
    read_numbers(conn, [contractor], region="US")
    read_numbers(conn, [contractor], region="DE")

    rows = conn.execute("SELECT region, verdict, e164 FROM ige_phones ORDER BY region").fetchall()
    assert [(row["region"], row["e164"]) for row in rows] == [("DE", "+4930901820"), ("US", None)]


def test_what_is_too_long_for_a_number_is_not_kept(conn: Conn) -> None:
    assert read_numbers(conn, [make_contractor(conn, phone="1" * 5_000)], region="US") == 0


@settings(max_examples=15, deadline=None)
@given(raws=st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=64)))
def test_whatever_is_stored_can_be_read_and_kept(shared_conn: Conn, raws: list[str]) -> None:
    with shared_conn.transaction(force_rollback=True):
        ids = [make_contractor(shared_conn, phone=raw) for raw in raws]

        read_numbers(shared_conn, ids, region="US")

        assert set(book(shared_conn)) == set(raws)
        assert read_numbers(shared_conn, ids, region="US") == 0


@settings(max_examples=200, deadline=None)
@given(digits=st.from_regex(r"\+[0-9]{3,17}", fullmatch=True))
def test_every_number_of_the_library_has_a_form_that_the_table_takes(digits: str) -> None:
    phone = read_phone(digits, region="US")

    kept = entry(digits, region="US")
    assert kept["verdict"] == phone.verdict.value
    assert phone.e164 is None or 4 <= len(phone.e164) <= 20


def test_a_batch_reads_some_more_and_those_first_whom_we_wrote_to(conn: Conn) -> None:
    for number in ("+13055550121", "+13055550122", "+13055550123"):
        contractor = make_contractor(conn, phone=number)
    make_sent_message(conn, contractor, sent_at=ago(days=3))

    assert read_others(conn, region="US", at_most=1) == 1
    assert set(book(conn)) == {"+13055550123"}
    assert read_others(conn, region="US") == 2
    assert read_others(conn, region="US") == 0


def sharing(conn: Conn, *ids: int) -> dict[str, list[int]]:
    return look_up(conn, ids, region="US").of(ids)


def test_who_shares_a_number_is_found_under_any_spelling(conn: Conn) -> None:
    mine, theirs = make_contractor(conn, phone="+13055550123"), make_contractor(conn, phone="(305) 555-0123")
    other = make_contractor(conn, phone="+13055550199")
    read_numbers(conn, [mine, theirs, other], region="US")

    found = sharing(conn, mine)

    assert sorted(found["sharing_ids"]) == sorted([mine, theirs])
    assert len(set(found["sharing_numbers"])) == 1


def test_who_shares_none_is_alone(conn: Conn) -> None:
    ids = [make_contractor(conn, phone="+13055550123"), make_contractor(conn, phone="555-0123")]
    ids += [make_contractor(conn, phone="call her"), make_contractor(conn, phone="call her")]
    ids += [make_contractor(conn, phone=None), make_contractor(conn, phone=None)]

    many = look_up(conn, [*ids, *range(10_000_000, 10_001_000)], region="US")

    assert many.of(ids) == {"sharing_ids": [], "sharing_numbers": []}


def test_asked_about_many_or_few_the_answer_is_the_same(conn: Conn) -> None:
    pairs = [("+13055550123", "(305) 555-0123"), ("+13055550124", "+13055550124"), ("+13055550125", "+13055550126")]
    pairs += [("555-0101", "555-0101"), ("555-0102", "555 0102")]
    ids = [make_contractor(conn, phone=phone) for pair in pairs for phone in pair]

    few = look_up(conn, ids, region="US")
    many = look_up(conn, [*ids, *range(10_000_000, 10_001_000)], region="US")

    together = [_groups(each.of(ids)) for each in (few, many)]
    assert together[1] == {frozenset(ids[:2]), frozenset(ids[2:4]), frozenset(ids[6:8]), frozenset(ids[8:10])}
    assert together[0] - {frozenset([ids[4]]), frozenset([ids[5]])} == together[1]


def _groups(found: dict[str, list[int]]) -> set[frozenset[int]]:
    pairs = list(zip(found["sharing_ids"], found["sharing_numbers"], strict=True))
    return {frozenset(each for each, other in pairs if other == number) for _, number in pairs}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("ige_suppressions", {"phone_e164": "305 555 0123", "reason": "STOP", "source": "sms"}),
        ("ige_suppressions", {"phone_e164": "+13055550123", "reason": " ", "source": "sms"}),
        ("ige_consents", {"phone_e164": "+13055550123", "basis": "", "source": "form", "given_at": "2026-01-01"}),
        ("ige_consents", {"phone_e164": "+13055550123", "basis": "signed", "source": "form"}),
        ("ige_consents", {"phone_e164": "+13055550123", "basis": "x", "source": "y", "given_at": "infinity"}),
        ("ige_phones", {"raw": "1", "region": "US", "verdict": "possible", "read_by": "me"}),
        ("ige_phones", {"raw": "1" * 65, "region": "US", "verdict": "impossible", "read_by": "me"}),
    ],
)
def test_the_tables_refuse_what_would_mean_nothing(conn: Conn, table: str, row: dict[str, Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), conn.transaction():
        conn.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join([sql.Placeholder()] * len(row)),
            ),
            list(row.values()),
        )


def test_an_absurdly_long_number_of_another_program_is_stored(conn: Conn) -> None:
    contractor = make_contractor(conn, phone="1" * 100_000)

    assert one(conn.execute("SELECT length(phone) AS n FROM contractors WHERE id = %s", [contractor]))["n"] == 100_000

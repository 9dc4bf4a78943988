from ige_pipeline.delivery.payload import body
from ige_pipeline_tests.delivery.fakes import NOON, make_lease


def test_the_flat_body_has_exactly_the_seven_fields_that_the_old_workflows_read() -> None:
    assert body(make_lease(), kind="flat", now=NOON) == {
        "phone": "+12125550107",
        "message": "Hi Ada, how did the call go?",
        "contractor_id": 7,
        "message_type": "check_in",
        "message_id": 1,
        "contractor_name": "Ada Builder",
        "ai_reasoning": "An item is open.",
    }


def test_the_nested_body_keeps_number_and_text_apart_from_what_is_about_them() -> None:
    assert body(make_lease(), kind="ghl", now=NOON) == {
        "send_via_ghl": {
            "phone": "+12125550107",
            "message": "Hi Ada, how did the call go?",
            "from_name": "AI Concierge",
            "timestamp": "2026-06-01T12:30:00+00:00",
        },
        "metadata": {
            "contractor_id": 7,
            "message_type": "check_in",
            "message_id": 1,
            "contractor_name": "Ada Builder",
            "ai_reasoning": "An item is open.",
            "source": "ige_pipeline",
        },
    }


def test_the_phone_goes_out_as_it_is_stored() -> None:
    assert body(make_lease(phone="(212) 555-0107"), kind="flat", now=NOON)["phone"] == "(212) 555-0107"

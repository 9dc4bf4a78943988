"""The page that describes what is for machines: OpenAPI 3.1, put together from the rooms' own descriptions."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "IGE_INBOUND_TOKEN"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks 1.0 with IGE_INBOUND_SECRET, beside webhook-id and webhook-timestamp",
    },
    "twilio": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Twilio-Signature",
        "description": "As Twilio signs with IGE_TWILIO_AUTH_TOKEN, over IGE_PUBLIC_URL and the path",
    },
}


def page(paths: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document; each path asks for one of the three kinds of proof unless it says otherwise."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "ige_pipeline", "version": version("ige_pipeline")},
        "paths": dict(paths),
        "components": {"securitySchemes": SECURITY},
        "security": [{name: []} for name in SECURITY],
    }

"""A finding as the model is told it: what to do differently, in our own words and without a piece of the text."""

from ige_pipeline.safeguards.content import ContentReason, Finding

_WORDS = {
    ContentReason.EMPTY: "it was empty",
    ContentReason.TOO_SHORT: "it had {observed} characters and must have at least {limit}",
    ContentReason.TOO_LONG: "it had {observed} characters and must have at most {limit}",
    ContentReason.TOO_MANY_SEGMENTS: "it took {observed} SMS and must fit into {limit}: shorter, in plain letters",
    ContentReason.PLACEHOLDER_LEFT: "it held a placeholder, brackets or braces",
    ContentReason.STOCK_PHRASE: "it held a stock phrase ({observed})",
    ContentReason.INNER_WORKINGS: "it spoke of how these messages come about ({observed})",
    ContentReason.TOO_MANY_QUESTIONS: "it had {observed} question marks and may have {limit}",
    ContentReason.TOO_MANY_EXCLAMATIONS: "it had {observed} exclamation marks and may have {limit}",
    ContentReason.LINK: "it held a link",
    ContentReason.EMAIL_ADDRESS: "it held an e-mail address",
    ContentReason.PHONE_NUMBER: "it held a phone number",
    ContentReason.CONTROL_CHARACTER: "it held line breaks or characters that cannot be seen",
    ContentReason.UNTRACED_NUMBER: "it held a number that is not in the data",
    ContentReason.UNTRACED_DATE: "it named a day or month that is not in the data",
    ContentReason.UNTRACED_NAME: "it held a name, or a capital inside of a sentence, that is not in the data",
    ContentReason.NEARLY_THE_SAME: "it was nearly the same as a text that was sent lately: say it differently",
    ContentReason.OTHER_LANGUAGE: "it was not in the language that was asked for",
    ContentReason.PROMISED_MONEY: "it promised or claimed money or an advantage ({observed})",
    ContentReason.BACKGROUND_TOLD: "it said something that is only background",
}


def in_words(finding: Finding) -> str:
    """Say one finding; a word that has no sentence is shown as it is."""
    told = _WORDS.get(finding.reason, str(finding.reason).replace("_", " "))
    return told.format(observed=finding.observed, limit=finding.limit)

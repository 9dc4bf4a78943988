"""The one error that a person is meant to read: what is wrong around us, and what to do about it."""


class Refusal(Exception):  # noqa: N818 - it is not an error of ours; the word says what we do
    """We will not go on until somebody mends something outside of the code.

    Its text is one sentence for an operator: what is wrong and what to do. It never holds a secret, a phone
    number or a message text. The command line prints it and exits with 2; an op fails with it as its description.
    """

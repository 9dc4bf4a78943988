"""Decide when a contractor should hear from the concierge, write the message, check it, send it.

The map, in the order a message travels:

    triggers/    who is due a message, and why
    generation/  what the message says
    safeguards/  whether they may be contacted, and whether the text is fit to send
    delivery/    the outbox, and the webhook that empties it
    inbound/     what comes back: replies, opt-outs, receipts, outcomes
    console/     what a person sees of all this in a browser, and may change there

serve/ answers over HTTP; watch/ holds what a person should look at: the checks, and who is told;
housekeeping/ ends what is older than it is kept. Beneath them all lie
ledger/ (what was decided and why) and postgres/ (connections, queries, migrations).
Start at jobs.py: it is the story, read top to bottom.
"""

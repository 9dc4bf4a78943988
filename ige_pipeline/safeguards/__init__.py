"""Whether a contractor may be contacted, and whether a text is fit to send."""

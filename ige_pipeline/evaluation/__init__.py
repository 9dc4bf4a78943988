"""How good the texts are: situations that are written about, the checks that every text is held to, and their rates."""

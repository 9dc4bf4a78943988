"""The console: what a person sees of the pipeline in a browser, and the few things that they may change there.

`routes.py` says which pages there are. A page is a function that reads what it is asked (`ask.py`), asks the same
functions as the command line, and fills a template. Who may enter is `access.py`, `session.py` and `gate.py`.
"""

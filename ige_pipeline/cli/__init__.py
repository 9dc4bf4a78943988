"""The command line: the same stage functions by hand."""

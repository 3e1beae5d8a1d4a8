"""special functions; see the op table."""

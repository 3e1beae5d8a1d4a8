"""linalg functions; see the op table."""

"""The small models that the command line trains."""

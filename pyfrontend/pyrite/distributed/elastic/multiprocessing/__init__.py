"""Ranks as processes: how they report a failure to their launcher."""

"""Tracing below the level of functions: doors."""

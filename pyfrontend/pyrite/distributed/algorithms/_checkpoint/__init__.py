"""Modules that keep no activations."""

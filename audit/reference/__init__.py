"""Tiny transformers with a known, planted bias, and what makes them (`python -m audit.reference.train`)."""

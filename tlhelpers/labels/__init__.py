"""Accumulating labels: the store, queries, rounds, the widget; imports `images` and below."""

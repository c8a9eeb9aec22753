"""Adapting a backbone: features, freezing, fine-tuning, resuming; imports `backbones` and below."""

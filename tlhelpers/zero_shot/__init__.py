"""Classes known by descriptions, and encoders of texts; imports `backbones` and below."""

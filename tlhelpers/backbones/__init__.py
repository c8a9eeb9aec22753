"""Pretrained networks as Keras layers and models; imports `runtime` and `storage`."""

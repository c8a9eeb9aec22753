"""Sound, and a network that has heard much speech; imports `storage` and below."""

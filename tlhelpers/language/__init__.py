"""Language models that write and that weigh what others wrote; imports `storage` and below."""

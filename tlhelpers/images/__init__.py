"""Pictures: decoded, drawn, read when needed, in batches; imports `runtime`."""

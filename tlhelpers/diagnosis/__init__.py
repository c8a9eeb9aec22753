"""The doctor, which finds silent faults of a training; imports `training` and below."""

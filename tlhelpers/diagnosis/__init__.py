"""The doctor, scores by group, a model's card; imports `tasks`, `training` and below."""

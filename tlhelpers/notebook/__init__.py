"""What a notebook needs around its lesson: set-up, plots, stored figures; may import all others."""

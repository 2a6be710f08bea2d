"""What `scripts/evaluate` is made of: subjects, inputs, processes that are watched, checks, and the reports."""

"""What runs in the grader's own process: it believes nothing that the hostile side says."""

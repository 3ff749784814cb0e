"""What runs in the sandbox, beside students' code: it may be altered at any time."""

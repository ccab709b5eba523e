"""What the Open Responses document (2026-04-24) says, as plain data without behaviour."""

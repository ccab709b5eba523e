"""What the checkers people have today say of one set of broken and valid streams; `python -m tools.comparison`."""

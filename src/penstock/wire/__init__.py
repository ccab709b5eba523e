"""Bytes <-> frames <-> events."""

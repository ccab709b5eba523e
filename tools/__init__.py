"""Scripts for those who work on Penstock; none of them is installed."""

"""Other people's wire formats: an Open Responses request out, their bytes in, output said."""

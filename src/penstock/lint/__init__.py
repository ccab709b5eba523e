"""What is wrong with a stream, rule by rule, and the stream as it should have been."""

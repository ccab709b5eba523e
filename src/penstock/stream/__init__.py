"""What may happen in a stream, and in which order: grammar, writer, reader, emitters."""

"""Native kernels behind a plain C interface, compiled on install; found and loaded here."""

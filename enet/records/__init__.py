"""Results that somebody brings back from a device: found, read, doubted, and made evidence."""

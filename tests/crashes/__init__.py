"""The process is killed, at random moments under load and at every durable step there is."""

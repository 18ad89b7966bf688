"""Programs that drive the clients: one program for each client, in the client's environment."""

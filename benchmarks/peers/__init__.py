"""Programs that each drive one client, every one in an environment of its own."""

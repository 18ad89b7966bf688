"""The process of a fake kernel. The test's process does not import the modules that run cells."""

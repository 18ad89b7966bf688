"""The process behind a fake kernel. The test's process imports none of it but ``transport``."""

"""Adapters to frameworks for agents: one module each, behind the extra of its name."""

"""Adapters to frameworks for agents: one module or package each, behind the extra of its name."""

"""Pictures of README and docs. ``python -m pictures`` draws them into ``docs/pictures``."""

"""Web pages of what a kernel displays: each draws itself when a browser opens it."""

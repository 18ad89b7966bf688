"""Web pages from what a kernel displays. Each draws itself when a browser opens it."""

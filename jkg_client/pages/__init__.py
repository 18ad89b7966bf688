"""Turns displays of a kernel into web pages that work without the kernel."""

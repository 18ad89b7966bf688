"""One kernel, whoever runs it: requests, answers and recovery."""

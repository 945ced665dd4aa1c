"""The fake build service: workers that take starts from the queue and pretend to build.

A real build service replaces it without any other change: the topics are the contract.
"""

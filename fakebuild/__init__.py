"""The fake build service: workers that take starts from the queue and publish progress.

Replacing it by a real build service touches nothing else: the contract is the topics.
"""

"""The state of this process: the live picture, subscriptions, counters. Pure."""

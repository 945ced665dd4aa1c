"""What this process knows: the live picture, who watches what, counters. Pure."""

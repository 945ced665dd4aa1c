"""Who is answered: hosts and origins that are ours, and who is served without a login."""

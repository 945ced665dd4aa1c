"""For operators: metrics, overview, queue lengths, the processes of one port."""

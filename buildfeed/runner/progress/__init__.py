"""How far a command is, as its output tells: a file for each tool, and the tracker over them."""

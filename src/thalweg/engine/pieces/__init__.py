"""How the work of a launch is cut into pieces for threads, and the table of its rows."""

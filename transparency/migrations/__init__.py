"""How the tables of the log come to be, one revision after the other."""

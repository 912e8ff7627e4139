"""`demo`: a whole story through the real clients, told line by line, with every promise checked on the way."""

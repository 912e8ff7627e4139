"""The page: the shop and the back office in a browser; a client of the portals."""

"""The full-screen interface of quitanda-shop and quitanda-admin, for a person at a terminal."""

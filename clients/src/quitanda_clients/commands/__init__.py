"""The commands of quitanda-admin and quitanda-shop."""

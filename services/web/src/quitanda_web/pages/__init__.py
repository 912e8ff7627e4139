"""The pages: each module has a few of them, with their forms, and lists them."""

"""What the tests of all members share: never shipped, never imported by a product package."""

"""What a shop sold, and what its stock is worth: sums over lists, in whole minor units."""

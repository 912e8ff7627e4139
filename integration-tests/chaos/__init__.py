"""`make chaos`: clients work while everything breaks, and the checker judges their history."""

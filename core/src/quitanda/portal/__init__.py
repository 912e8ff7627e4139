"""What both kinds of portal have around their operations: deadlines, readiness, the life of the process (asyncio)."""

"""What both kinds of portal have around their operations: deadlines, readiness, doors, the process's life (asyncio)."""

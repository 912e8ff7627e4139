"""A replica of Quitanda's data: Raft decides the order, the rules decide the effect, LevelDB keeps both."""

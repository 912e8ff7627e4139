"""A whole Quitanda as processes on one machine: started, watched, stopped, demonstrated and tested."""

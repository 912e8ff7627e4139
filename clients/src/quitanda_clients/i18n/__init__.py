"""What the page, the terminal and the commands say in the language of the person who uses them."""

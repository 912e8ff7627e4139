"""What both command-line applications share: options, values, output, failures."""

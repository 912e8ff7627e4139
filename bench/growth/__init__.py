"""How speed, memory and times of start depend on the number of documents."""

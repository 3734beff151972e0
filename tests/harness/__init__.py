"""What the Python tests share: the program, a simulator, the truth, other people's readers."""

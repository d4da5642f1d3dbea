"""A gateway of several processes: who starts them, what each does, and what they tell each other."""

"""What several processes of one gateway share: memory, and locks that die with their holder."""

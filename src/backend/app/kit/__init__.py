"""What any part of the product may use: pure, the standard library alone, nothing of ours outside it."""

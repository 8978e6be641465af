"""What a contract cannot say: what rows put aside mean for a day, and that nothing was lost. Pure functions."""

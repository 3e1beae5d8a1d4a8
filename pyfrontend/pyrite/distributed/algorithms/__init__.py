"""What training over several ranks is made of, above the collectives."""

"""The Azure edge: what official clients ask, and what they are answered."""

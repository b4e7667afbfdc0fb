"""One naive reference model a port, and rule machines that run the same rules on the model and on every adapter."""

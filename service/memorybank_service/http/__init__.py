"""The HTTP API: who may ask, what a request must look like, what is answered. No logic of memory."""

"""What MemoryBank is about: how memories fade, come back to mind and are found."""

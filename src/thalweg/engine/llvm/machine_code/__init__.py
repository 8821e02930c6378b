"""From a module's text to functions: compiled for this processor, kept on disk, and run by several threads."""

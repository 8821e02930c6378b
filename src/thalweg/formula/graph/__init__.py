"""A formula as a graph: its operations, what differs from element to element, and graphs made anew."""

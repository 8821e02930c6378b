"""Loops of closure methods: products with a history, and fits of many data sets."""

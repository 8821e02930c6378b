"""The book: pages that are derived from the code, and the site that is made of them and of what people wrote."""

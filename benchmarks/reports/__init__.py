"""From raw numbers to what a person reads: tables in the documents, and pictures."""

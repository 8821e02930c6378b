"""The words that a rule may say: of elements, of rows and columns, of whole matrices, of chance."""

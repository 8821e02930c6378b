"""What holds for every optimizer: each test meets each class of the registry, and nothing lists them by hand."""

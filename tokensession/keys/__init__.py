"""Key rings: keys and their documents, how they change, where they are kept, who follows them."""

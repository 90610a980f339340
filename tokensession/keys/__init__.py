"""Where the documents of key rings are kept, and how running processes follow them."""

"""The directory of a subject's sessions, each with a label, for pages and operators."""

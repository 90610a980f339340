"""Sessions and the policy that says when they end (SPEC section 6)."""

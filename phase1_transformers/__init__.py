"""Phase 1: from tokens to a GPT that you trained."""

"""Phase 3: adapters, reward models, PPO, Constitutional AI."""

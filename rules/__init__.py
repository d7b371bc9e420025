"""What the analyst knows: rule packs, known tags, vendors and thresholds, as YAML beside this file."""

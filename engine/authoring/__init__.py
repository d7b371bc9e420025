"""What authors of rules need: their files checked and tested, skeletons, and a page to read."""

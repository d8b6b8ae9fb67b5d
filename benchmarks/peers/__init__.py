"""What people would pick instead, each at its best."""

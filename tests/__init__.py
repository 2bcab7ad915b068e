"""The tests, in the layout of the packages."""

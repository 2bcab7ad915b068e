"""Tests of the portal for tests."""

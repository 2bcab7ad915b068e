"""Mirrors of portals, and their folders."""

"""Findings rendered for people and machines; only here are numbers formatted."""

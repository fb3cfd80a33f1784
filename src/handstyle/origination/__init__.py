"""Origination: a base model made from nothing but licensed works."""

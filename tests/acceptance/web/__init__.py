"""Tests of pages, which share a browser: a package, so that it ends with them."""

"""Tries the plugin and the webhook on a real gateway; see `scripts/try-openclaw`."""

"""The web face: pages for people, over the same rooms as the JSON endpoints and the command line."""

"""One small shop, written once for each framework, to watch the consent middleware at work."""

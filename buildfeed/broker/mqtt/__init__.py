"""One MQTT connection that heals itself; `link` is its face."""

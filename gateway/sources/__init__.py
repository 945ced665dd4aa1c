"""The sources of the live picture: MQTT and history, and how live both are."""

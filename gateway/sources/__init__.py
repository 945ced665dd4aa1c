"""What fills the picture: MQTT, history, and how live both are."""

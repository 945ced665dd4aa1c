"""An MQTT connection that is made again whenever it is lost; its interface is `link`."""

"""The gateway: hears every activity over MQTT, pushes `build` events, takes start and stop.

Down: subscriber → live → hub → sockets. Up: routes → commands → publisher.
"""

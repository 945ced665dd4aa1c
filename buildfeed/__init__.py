"""The vocabulary of Buildfeed: topics, activities, commands and the board. No I/O.

A subscriber app needs nothing else of this project: `from buildfeed import activity, topics`
with any MQTT client. `topics.md` is the same promise in words.
"""

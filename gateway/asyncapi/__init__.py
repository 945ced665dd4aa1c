"""What `/api/asyncapi.json` says: topics, exchanges and events as AsyncAPI 3."""

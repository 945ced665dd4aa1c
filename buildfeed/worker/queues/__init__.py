"""Where starts come from: `queue` is the seam, with RabbitMQ or the embedded mode behind it."""

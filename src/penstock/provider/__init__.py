"""Who answers a request: a program's own generator, the built-in demo, or a provider's API over the network."""

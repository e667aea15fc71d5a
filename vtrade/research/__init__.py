"""Research: strategies on recorded data, at the speed of compiled code, by the engine that rooms trade on."""

"""How are Kafka, Redis, the workers and the gateway started, stopped and looked at?"""

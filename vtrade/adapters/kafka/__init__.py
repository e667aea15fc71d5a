"""How do topics that many processes share stand on Apache Kafka?

Rules: :class:`vtrade.adapters.kafka.bus.KafkaBus` is the ``Bus``, :mod:`vtrade.adapters.kafka.topics` makes the topics
it needs, :class:`vtrade.adapters.kafka.snapshots.KafkaSnapshots` is the ``SnapshotStore``. kafka-python is imported by
modules of this package and by no other; :mod:`vtrade.adapters.kafka.reach` alone goes behind its public face.
"""

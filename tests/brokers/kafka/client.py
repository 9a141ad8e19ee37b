"""Publishes records and reads rows as any Python program does, with kafka-python's own defaults.

client.py send BROKERS TOPIC    lines of standard input: a key and a value in base64; prints for each the key
                                and the partition that the default partitioner chose
client.py read BROKERS TOPIC    prints partition, offset and key of every committed message
"""

import base64
import sys

import kafka


def send(brokers, topic):
    producer = kafka.KafkaProducer(bootstrap_servers=brokers, acks="all")
    for line in sys.stdin:
        key, value = line.split()
        sent = producer.send(topic, key=key.encode(), value=base64.b64decode(value))
        print(key, sent.get(timeout=30).partition)
    producer.close()


def read(brokers, topic):
    consumer = kafka.KafkaConsumer(
        topic,
        bootstrap_servers=brokers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        consumer_timeout_ms=10_000,
    )
    for message in consumer:
        print(message.partition, message.offset, message.key.decode())
    consumer.close()


if __name__ == "__main__":
    {"send": send, "read": read}[sys.argv[1]](sys.argv[2], sys.argv[3])

import os

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ['AMQP_URL']))
channel = connection.channel()
channel.basic_consume('jobs', lambda *job: print(job), auto_ack=True)
channel.start_consuming()

import os
import time

import redis

queue = redis.Redis(host=os.environ['REDIS_HOST'])
while True:
    print(queue.blpop('jobs', timeout=5))
    time.sleep(1)

"""M/M/1 in SimPy, the shortest way: prints the mean wait in seconds of so many customers."""

import random
import sys

import simpy


def customer(env, place, waits):
    came = env.now
    with place.request() as turn:
        yield turn
        waits.append(env.now - came)
        yield env.timeout(random.expovariate(1.0))


def source(env, place, waits, customers):
    for _ in range(customers):
        yield env.timeout(random.expovariate(0.8))
        env.process(customer(env, place, waits))


random.seed(1)
env, waits = simpy.Environment(), []
env.process(source(env, simpy.Resource(env, capacity=1), waits, int(sys.argv[1])))
env.run()
print(sum(waits) / len(waits))

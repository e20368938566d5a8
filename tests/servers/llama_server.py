"""llama.cpp's own HTTP server, as compiled into xllamacpp, on 127.0.0.1.

    python llama_server.py MODEL.gguf PORT
"""

import signal
import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.model_alias = {"random-llama"}
params.port = int(sys.argv[2])
params.endpoint_metrics = True
# Two requests at a time, each up to half of these tokens.
params.n_ctx = 16384
params.n_parallel = 2
# More would wait for each other wherever the machine has other work.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
# Each prompt is processed in full, so that its time is its length's.
params.cache_prompt = False
params.cache_ram_mib = 0
params.fit_params = False

server = xllamacpp.Server(params)
signal.pause()

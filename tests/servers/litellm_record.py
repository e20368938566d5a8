"""LiteLLM's own word on each call it answered: one JSON line each, appended to the file named by LITELLM_RECORD."""

import json
import os

from litellm.integrations.custom_logger import CustomLogger


class Record(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        call = kwargs["standard_logging_object"]
        kept = {
            "model": call["model_group"],
            "prompt": call["messages"][0]["content"],
            "is_stream": bool(call["stream"]),
            "input": call["prompt_tokens"],
            "output": call["completion_tokens"],
            "start_secs": call["startTime"],
            "ttft_secs": call["completionStartTime"] - call["startTime"],
        }
        with open(os.environ["LITELLM_RECORD"], "a") as file:
            file.write(json.dumps(kept) + "\n")


record = Record()

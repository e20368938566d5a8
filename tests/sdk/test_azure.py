"""Azure OpenAI: the deployments' paths with their API version, and the v1 paths."""

import openai
import pytest

from contracts.chat import MESSAGES, Chat, ShowsQuotas
from contracts.responses import Responses
from expected import INPUT, OUTPUT, PROMPT
from mocking import KEYS

MODEL = "team-gpt"


def classic(mock, endpoint="azure", key=KEYS["SDK_AZURE_KEY"], api_version="2024-10-21", **options):
    return openai.AzureOpenAI(azure_endpoint=mock.url(endpoint), api_key=key, api_version=api_version, **options)


def entra(mock, key=KEYS["SDK_AZURE_KEY"], **options):
    return openai.AzureOpenAI(
        azure_endpoint=mock.url("azure"), azure_ad_token=key, api_version="2024-10-21", **options
    )


def v1(mock, key=KEYS["SDK_AZURE_KEY"], **options):
    return openai.OpenAI(base_url=mock.url("azure/openai/v1"), api_key=key, **options)


class TestClassic(ShowsQuotas, Chat):
    model = MODEL
    reset = r"\d+"
    client = staticmethod(classic)


class TestV1(ShowsQuotas, Chat):
    model = MODEL
    reset = r"\d+"
    client = staticmethod(v1)


class TestV1Responses(Responses):
    model = MODEL
    client = staticmethod(v1)


def test_a_token_of_entra_is_let_in(rows):
    answer = entra(rows).chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].finish_reason == "stop"


def test_responses_are_there_in_the_newer_of_the_classic_apis(rows):
    client = classic(rows, api_version="2025-04-01-preview")
    answer = client.responses.create(model=MODEL, input=PROMPT)
    assert (answer.status, answer.usage.output_tokens) == ("completed", OUTPUT)


def test_an_unknown_deployment_is_said_to_be(rows):
    with pytest.raises(openai.NotFoundError) as caught:
        classic(rows).chat.completions.create(model="no-such-deployment", messages=MESSAGES)
    assert caught.value.code == "DeploymentNotFound"


@pytest.mark.parametrize("version", ["yesterday", "24-10-21"])
def test_an_api_version_of_the_wrong_form_is_refused(rows, version):
    with pytest.raises(openai.BadRequestError):
        classic(rows, api_version=version).chat.completions.create(model=MODEL, messages=MESSAGES)


def test_without_an_api_version_the_deployments_are_not_there(rows):
    url = rows.url(f"azure/openai/deployments/{MODEL}")
    client = openai.OpenAI(base_url=url, api_key="any", default_headers={"api-key": "any"})
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=MODEL, messages=MESSAGES)


def test_a_stream_begins_with_what_the_filter_found_in_the_prompt(rows):
    chunks = list(classic(rows).chat.completions.create(model=MODEL, messages=MESSAGES, stream=True))
    assert chunks[0].choices == []
    assert chunks[0].model_extra["prompt_filter_results"][0]["prompt_index"] == 0


def test_a_refusal_says_when_in_both_headers(start):
    client = classic(start("used-up"), max_retries=0)
    client.chat.completions.create(model=MODEL, messages=MESSAGES)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=MODEL, messages=MESSAGES)
    headers = caught.value.response.headers
    seconds, millis = int(headers["retry-after"]), int(headers["retry-after-ms"])
    assert millis <= seconds * 1000 < millis + 1000 and 0 < seconds <= 60
    assert caught.value.code == "429"


def test_provisioned_capacity_shows_its_utilisation(start):
    completions = classic(start("provisioned"), max_retries=0).chat.completions.with_raw_response
    raw = completions.create(model=MODEL, messages=MESSAGES, max_tokens=100)
    # By the first token a little has come back.
    utilisation = float(raw.headers["azure-openai-deployment-utilization"].removesuffix("%"))
    assert utilisation == pytest.approx(INPUT + 100, abs=2)
    assert not [name for name in raw.headers if name.startswith("x-ratelimit-")]
    with pytest.raises(openai.RateLimitError) as caught:
        completions.create(model=MODEL, messages=MESSAGES)
    # Until a minute's hundred tokens have brought what is above all of it down.
    assert 0 < int(caught.value.response.headers["retry-after-ms"]) <= INPUT * 600 + 600


def test_a_refused_call_spills_over_to_the_deployment_it_names(start):
    spilling = {"x-ms-spillover-deployment": "team-gpt-spillover"}
    client = classic(start("used-up"), max_retries=0, default_headers=spilling)
    completions = client.chat.completions.with_raw_response
    for is_spilled in [False, True]:
        raw = completions.create(model=MODEL, messages=MESSAGES)
        assert raw.headers.get("x-ms-spillover-from-deployment") == (MODEL if is_spilled else None)
    with pytest.raises(openai.RateLimitError) as caught:
        completions.create(model=MODEL, messages=MESSAGES)
    assert caught.value.response.headers["x-ms-spillover-error"]


def test_embeddings_of_a_deployment(rows):
    client = classic(rows, "azure-embeddings")
    answer = client.embeddings.create(model="team-embedding", input=PROMPT)
    assert len(answer.data[0].embedding) > 0 and answer.usage.prompt_tokens == INPUT


def test_an_answer_names_its_request_and_region(rows):
    raw = classic(rows).chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
    assert raw.headers["apim-request-id"] and raw.headers["x-ms-region"]

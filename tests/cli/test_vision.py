"""`aisa vision`: pictures are checked before anything is sent, and models known to see none are not asked."""

import base64

import pytest

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
ELSEWHERE = "https://example.com/cat.jpg"


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a picture.png"
    path.write_bytes(PNG)
    return path


def content(connected):
    return connected.requests[-1].json["messages"][-1]["content"]


def asks(text, *urls):
    return [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]


def test_a_file_is_sent_as_data_with_the_default_prompt(aisa, connected, picture):
    connected.script.reply("gpt-4o", "A dot.")
    told = aisa("vision", "-m", "gpt-4o", "-i", str(picture))
    assert (told.code, told.out, told.err) == (0, "A dot.\n", "")
    assert content(connected) == asks("Describe this image", DATA_URL)


@pytest.mark.parametrize("source", [DATA_URL, ELSEWHERE], ids=["data", "https"])
def test_as_the_skill_writes_it(aisa, connected, source):
    told = aisa("vision", "--model", "gpt-4o", "--image", source, "--prompt", "What is it?", "--max-tokens", "50")
    assert told.code == 0
    assert content(connected) == asks("What is it?", source)
    assert connected.requests[-1].json["max_tokens"] == 50


def test_several_pictures(aisa, connected, picture):
    assert aisa("vision", "-m", "gpt-4o", "-i", str(picture), "-i", ELSEWHERE, "-p", "Which?").code == 0
    assert content(connected) == asks("Which?", DATA_URL, ELSEWHERE)


def test_no_model_named_chooses_one_that_sees(aisa, connected, picture):
    document = aisa("vision", "-i", str(picture), "--json").document
    assert document["model"] == "aisa/auto"
    from aisa_integrations.catalogue import catalogue

    assert catalogue()[document["served_by"]].vision is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--image"),
        (("-i", "nowhere.png"), "no such file"),
        (("-i", "."), "is no file"),
        (("-i", "text.txt"), "not a PNG"),
        (("-i", "empty.png"), "is empty"),
        (("-i", "ftp://example.com/a.png"), "ftp"),
        (("-i", "data:image/png;base64,AAAA"), "data URL"),
        (("-i", "a.png", "-p", " "), "prompt is empty"),
        (("-i", "a.png", "-i", "nowhere.png"), "no such file"),
        (("-i", "a.png", "-m", "deepseek-v3.2"), "sees no pictures"),
        (("-i", "a.png", "-m", "gpt-4o", "--fallback", "gpt-4.1,deepseek-v3.2"), "deepseek-v3.2 sees no pictures"),
    ],
)
def test_what_cannot_work_is_2_and_nothing_is_sent(aisa, connected, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "text.txt").write_text("a text")
    (tmp_path / "empty.png").touch()
    told = aisa("vision", *arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.err
    told = aisa("vision", *arguments, "--json")
    assert (told.code, told.document["exit_code"]) == (2, 2)
    assert connected.requests == []


def test_a_model_of_the_environment_that_sees_nothing_is_named(aisa, connected, picture, monkeypatch):
    monkeypatch.setenv("AISA_MODEL", "deepseek-v3.2")
    told = aisa("vision", "-i", str(picture))
    assert (told.code, connected.requests) == (2, [])
    assert "deepseek-v3.2 sees no pictures" in told.err


def test_a_model_that_nobody_knows_is_asked(aisa, connected, picture):
    assert aisa("vision", "-m", "gpt-unheard-of", "-i", str(picture)).code == 0


@pytest.mark.parametrize(("fault", "code"), [("bad_key", 3), ("out_of_credits", 4), ("invalid_request", 1)])
def test_failures_end_as_those_of_chat_do(aisa, connected, picture, fault, code):
    connected.script.fail("gpt-4o", fault)
    assert aisa("vision", "-m", "gpt-4o", "-i", str(picture)).code == code
    assert aisa("vision", "-m", "gpt-4o", "-i", str(picture), "--json").document["exit_code"] == code


def test_a_repeated_question_costs_nothing(aisa, connected, picture):
    costs = [
        aisa("vision", "-m", "gpt-4o", "-i", str(picture), "-t", "0", "--cache", "--json").document["cost_usd"]
        for _ in range(2)
    ]
    assert costs[0] > 0
    assert costs[1] == 0


def test_on_this_machine_the_answer_is_simulated_and_says_so(aisa, picture):
    told = aisa("vision", "--local", "-m", "gpt-4o", "-i", str(picture), "-p", "What is it?")
    assert (told.code, told.out) == (0, "Simulated reply from gpt-4o: you said What is it?\n")
    assert told.err == "answers are simulated: the toy model on this machine sees no pictures\n"

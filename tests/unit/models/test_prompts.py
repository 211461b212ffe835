from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Broken, Refused
from models import Message
from models.prompts import Prompt, load_all, pick
from models.prompts_langfuse import prompt_of

TEXT = "<!-- system -->\nYou plan. {{ expert }}\n<!-- user -->\n{% for line in lines %}\n- {{ line }}\n{% endfor %}\n"
STAGING = f"---\nlabel: staging\ndescription: shorter\n---\n{TEXT}"
NODES = Path(__file__).parents[3] / "nodes"


def test_a_prompt_is_filled_in():
    prompt = Prompt.parse(TEXT, name="plan")
    assert prompt.label == "production"
    assert prompt.render(expert="<You>", lines=["a", "b"]) == (
        Message(role="system", content="You plan. <You>", prompt=prompt.title),
        Message(role="user", content="- a\n- b", prompt=prompt.title),
    )


def test_a_missing_value_is_never_an_empty_string():
    with pytest.raises(Broken):
        Prompt.parse(TEXT, name="plan").render(expert="x")


@pytest.mark.parametrize("text", ["", "no part", "<!-- system -->\n{% if %}", "---\nlabel: best\n---\n" + TEXT])
def test_what_is_no_prompt_is_refused(text):
    with pytest.raises(Refused) as caught:
        Prompt.parse(text, name="plan")
    assert caught.value.stable_code == "prompt_invalid"


def test_the_version_is_the_text():
    one, two = Prompt.parse(TEXT, name="plan"), Prompt.parse(TEXT + "!", name="plan")
    assert one.version == Prompt.parse(TEXT, name="other").version
    assert one.version != two.version


@pytest.fixture
def versions(tmp_path):
    (tmp_path / "plan.md").write_text(TEXT, encoding="utf-8")
    (tmp_path / "plan.shorter.md").write_text(STAGING, encoding="utf-8")
    (tmp_path / "planet.md").write_text(TEXT, encoding="utf-8")
    return load_all(tmp_path, "plan")


def test_versions_of_a_folder(versions):
    assert [(prompt.name, prompt.label) for prompt in versions] == [("plan", "production"), ("plan", "staging")]
    assert pick(versions, key="run").label == "production"
    assert pick(versions, key="run", version=versions[1].version) is versions[1]
    with pytest.raises(Refused):
        pick(versions, key="run", version="gone")
    with pytest.raises(Refused):
        pick(versions[1:], key="run")


def test_a_share_of_the_runs_gets_staging_and_keeps_it(versions):
    chosen = {key: pick(versions, key=key, staging_share=0.25).label for key in map(str, range(2_000))}
    assert 0.2 < sum(label == "staging" for label in chosen.values()) / 2_000 < 0.3
    assert all(pick(versions, key=key, staging_share=0.25).label == label for key, label in chosen.items())


@given(st.text(max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_a_growing_share_only_adds_runs(key, one, two):
    prompts = (Prompt.parse(TEXT, name="plan"), Prompt.parse(STAGING, name="plan"))
    if pick(prompts, key=key, staging_share=min(one, two)).label == "staging":
        assert pick(prompts, key=key, staging_share=max(one, two)).label == "staging"


@pytest.mark.parametrize("path", sorted(NODES.glob("*.md")), ids=lambda path: path.stem)
def test_the_prompts_of_the_house_load(path):
    assert Prompt.load(path).parts


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(Refused):
        Prompt.load(tmp_path / "gone.md")


@pytest.mark.parametrize("trick", ["{{ ().__class__.__bases__ }}", "{{ lines.append(1) }}", "{{ 1 / 0 }}"])
def test_a_prompt_cannot_run_code(trick):
    with pytest.raises(Broken) as caught:
        Prompt.parse(f"<!-- user -->\n{trick}", name="plan").render(lines=[])
    assert caught.value.stable_code == "prompt_value_missing"


def test_a_prompt_of_langfuse_is_a_text_or_a_list_of_messages():
    text = prompt_of("plan", "production", SimpleNamespace(version=3, prompt=TEXT))
    assert (text.title, text.label) == ("plan@langfuse-3", "production")
    chat = [SimpleNamespace(role="system", content="You plan."), SimpleNamespace(role="user", content="Go.")]
    talk = prompt_of("plan", "staging", SimpleNamespace(version="4", prompt=chat))
    assert [message.content for message in talk.render()] == ["You plan.", "Go."]
    assert (talk.version, talk.label) == ("langfuse-4", "staging")


@pytest.mark.parametrize("parts", [[], [SimpleNamespace(role="placeholder", content="x")]])
def test_a_prompt_of_langfuse_without_words_is_refused(parts):
    with pytest.raises(Refused) as caught:
        prompt_of("plan", "production", SimpleNamespace(version=1, prompt=parts))
    assert caught.value.stable_code == "prompt_invalid"

"""Every method of mem0's official clients, synchronous and asynchronous, on a service of its own on loopback."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.service.http.learning import draws
from tests.service.http.mem0.official import Mem0, Mem0Error, official_client
from tests.service.provider import Provider, running_provider
from tests.service.running import KEY, RunningService
from tests.service.waiting import until

pytestmark = pytest.mark.process
KEYS = {KEY: ["read", "write", "admin"], "only-reads": ["read"], "reads-and-writes": ["read", "write"]}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    with official_client(tmp_path_factory.mktemp("client")) as process:
        yield process


def started(folder: Path) -> RunningService:
    keys = [
        {"name": key, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes}
        for key, scopes in KEYS.items()
    ]
    (folder / "access.json").write_text(json.dumps({"keys": keys}))
    return RunningService(folder, ACCESS_FILE=str(folder / "access.json"), TENANT_ID="customer1")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    service = started(tmp_path_factory.mktemp("service"))
    service.ready()
    yield service
    service.close()


def asking(provider: Provider) -> dict[str, str]:
    asked = {"LLM_PROVIDER": "openai", "LLM_MODEL": "m1", "LLM_API_BASE": provider.base_url}
    return {**asked, "EMBEDDING_PROVIDER": "local", "OPENAI_API_KEY": "sk-a-key"}


Connect = Callable[..., Mem0]


@pytest.fixture(params=["MemoryClient", "AsyncMemoryClient"])
def connect(request: pytest.FixtureRequest, process: "subprocess.Popen[str]", service: RunningService) -> Connect:
    def client(key: str = KEY, host: str = str(service.client().base_url)) -> Mem0:
        return Mem0(process, request.param, host.rstrip("/"), key)

    return client


@pytest.fixture
def client(connect: Connect) -> Mem0:
    return connect()


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """One that no other test has."""
    return hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]


def refusal(call: Callable[[], object]) -> Mem0Error:
    with pytest.raises(Mem0Error) as refused:
        call()
    return refused.value


def ids(answer: dict[str, Any]) -> list[str]:
    return [memory["id"] for memory in answer["results"]]


def texts(answer: dict[str, Any]) -> list[str]:
    return [memory["memory"] for memory in answer["results"]]


def test_a_client_knows_whose_its_key_is(client: Mem0) -> None:
    assert (client.org_id(), client.project_id()) == ("customer1", "customer1")
    project = client.call("project.get")
    assert (project["project_id"], project["name"]) == ("customer1", "customer1")


def test_a_client_with_an_unknown_key_is_not_made(connect: Connect) -> None:
    refused = refusal(connect("unknown").users)
    assert (refused.kind, refused.message) == (
        "ValueError",
        "Error: A valid key is needed: send `Authorization: Bearer KEY`.",
    )


def test_messages_are_stored_to_the_letter_and_found(client: Mem0, user: str) -> None:
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "I drink lapsang souchong every morning."},
        {"role": "assistant", "content": "Noted: a smoky tea.", "name": "Jeeves"},
    ]
    added = client.add(messages, user_id=user, metadata={"topic": "tea", "nested": {"a": [1]}})
    assert added["status"] == "SUCCEEDED"
    assert "No language model is configured" in added["message"]
    assert [(entry["event"], entry["memory"]) for entry in added["results"]] == [
        ("ADD", "I drink lapsang souchong every morning."),
        ("ADD", "Noted: a smoky tea."),
    ]
    found = client.search("What do I drink every morning?", filters={"user_id": user})
    assert ids(found)[0] == added["results"][0]["id"]
    memory = found["results"][0]
    assert memory["user_id"] == user
    assert memory["metadata"] == {"topic": "tea", "nested": {"a": [1]}}
    assert (memory["categories"], memory["agent_id"], memory["app_id"], memory["run_id"]) == ([], None, None, None)
    assert 0 < found["results"][1]["score"] < memory["score"] <= 1
    assert memory["created_at"].endswith("Z")


def test_a_text_or_one_message_is_a_memory_too(client: Mem0, user: str) -> None:
    client.add("I live in Lisbon.", user_id=user, infer=False)
    added = client.add({"role": "user", "content": "I work in Porto."}, user_id=user, infer=False)
    assert added["message"] == "Stored: 1."
    assert texts(client.get_all(filters={"user_id": user})) == ["I work in Porto.", "I live in Lisbon."]


def test_entities_may_stand_in_filters_of_an_addition(client: Mem0, user: str) -> None:
    client.add("I live in Lisbon.", filters={"user_id": user, "run_id": "s1"})
    [memory] = client.get_all(filters={"AND": [{"user_id": user}, {"run_id": "s1"}]})["results"]
    assert (memory["user_id"], memory["run_id"], memory["session_id"]) == (user, "s1", "s1")


def test_every_entity_that_is_given_has_to_match(client: Mem0, user: str) -> None:
    whose = {"user_id": user, "agent_id": f"cook of {user}", "app_id": f"shop of {user}", "run_id": f"r/{user}"}
    client.add("I eat no nuts.", **whose)
    client.add("I eat no eggs.", user_id=user)
    assert len(ids(client.get_all(filters={"user_id": user}))) == 2
    for name, value in whose.items():
        if name != "user_id":
            assert texts(client.get_all(filters={name: value})) == ["I eat no nuts."]
            assert texts(client.search("nuts or eggs", filters={name: value})) == ["I eat no nuts."]
            assert texts(client.get_all(filters={"user_id": user, name: value})) == ["I eat no nuts."]
            assert texts(client.get_all(filters={"user_id": user, name: "*"})) == ["I eat no nuts."]
            assert ids(client.get_all(filters={"user_id": "somebody else", name: value})) == []
    either = {"OR": [{"agent_id": whose["agent_id"]}, {"run_id": "another"}]}
    assert texts(client.get_all(filters=either)) == ["I eat no nuts."]
    [memory] = client.get_all(filters=whose)["results"]
    assert {name: memory[name] for name in whose} == whose
    assert memory["metadata"] == {}


def test_filters_narrow_before_the_best_are_chosen(client: Mem0, user: str) -> None:
    for number in range(12):
        client.add(f"Tea number {number}.", user_id=user, metadata={"number": number, "categories": [f"c{number % 3}"]})
    mine = {"user_id": user}

    def numbers(*conditions: dict[str, Any]) -> list[int]:
        found = client.search("tea", filters={"AND": [mine, *conditions]}, top_k=20)
        return sorted(memory["metadata"]["number"] for memory in found["results"])

    assert numbers({"metadata": {"number": 7}}) == [7]
    assert numbers({"categories": {"in": ["c0", "c1"]}}) == [0, 1, 3, 4, 6, 7, 9, 10]
    assert numbers({"categories": {"contains": "C2"}}) == [2, 5, 8, 11]
    assert numbers({"NOT": [{"categories": {"in": ["c0"]}}, {"metadata": {"number": 1}}]}) == [2, 4, 5, 7, 8, 10, 11]
    assert numbers({"OR": [{"metadata": {"number": 3}}, {"metadata": {"number": 4}}]}) == [3, 4]
    assert numbers({"keywords": {"icontains": "NUMBER 11"}}) == [11]
    assert numbers({"created_at": {"gte": "2020-01-01", "lt": "2021-01-01"}}) == []
    assert len(numbers({"created_at": {"gte": "2020-01-01"}})) == 12
    assert len(client.search("tea", filters=mine, top_k=5)["results"]) == 5
    [seventh] = client.search("tea", filters=mine, metadata={"number": 7})["results"]
    assert client.get_all(filters={**mine, "memory_ids": [seventh["id"]]})["results"][0]["id"] == seventh["id"]


def test_options_of_a_search_are_taken(client: Mem0, user: str) -> None:
    client.add("Ada plays the violin in an orchestra.", user_id=user)
    client.add("The printer is out of paper.", user_id=user)
    options = {"rerank": True, "keyword_search": True, "latest_only": True, "reference_date": "2027-01-15"}
    found = client.search(
        "Who plays the violin?", filters={"user_id": user}, threshold=0.4, fields=["memory"], **options
    )
    assert [set(memory) for memory in found["results"]] == [{"id", "memory"}]
    assert texts(found) == ["Ada plays the violin in an orchestra."]


def test_pages_tell_how_many_there_are_and_where_the_next_is(client: Mem0, user: str) -> None:
    for number in range(5):
        client.add(f"Note {number}.", user_id=user)
    first = client.get_all(filters={"user_id": user}, page=1, page_size=2)
    assert (first["count"], texts(first), first["previous"]) == (5, ["Note 4.", "Note 3."], None)
    assert "page=2" in first["next"]
    last = client.get_all(filters={"user_id": user}, page=3, page_size=2)
    assert (texts(last), last["next"]) == (["Note 0."], None)
    assert "page=2" in last["previous"]


def test_a_memory_is_read_changed_and_deleted_by_its_id(client: Mem0, user: str) -> None:
    [added] = client.add("I live in Lisbon.", user_id=user, app_id="shop", metadata={"a": 1}, infer=False)["results"]
    memory = client.get(added["id"])
    assert (memory["memory"], memory["app_id"], memory["metadata"]) == ("I live in Lisbon.", "shop", {"a": 1})
    changed = client.update(added["id"], text="I live in Porto.", metadata={"b": 2}, timestamp=1_700_000_000)
    assert (changed["memory"], changed["app_id"], changed["metadata"]) == ("I live in Porto.", "shop", {"b": 2})
    assert changed["created_at"].startswith("2023-11-14T22:13:20")
    assert texts(client.search("Porto", filters={"user_id": user})) == ["I live in Porto."]
    history = client.history(added["id"])
    assert [(event["event"], event["old_memory"], event["new_memory"]) for event in history] == [
        ("ADD", None, "I live in Lisbon."),
        ("UPDATE", "I live in Lisbon.", "I live in Porto."),
    ]
    assert {event["user_id"] for event in history} == {user}
    assert client.delete(added["id"]) == {"message": "Memory deleted successfully!"}
    assert client.history(added["id"])[-1]["event"] == "DELETE"
    for gone in (client.get, client.delete, lambda memory_id: client.update(memory_id, text="x")):
        refused = refusal(lambda gone=gone: gone(added["id"]))  # type: ignore[misc]
        assert (refused.kind, refused.code) == ("MemoryNotFoundError", "HTTP_404")


def test_an_id_may_hold_any_character(client: Mem0, service: RunningService, user: str) -> None:
    memory_id = f"a/b c?d#e%2F/ü/{user}"
    stored = service.client().post("/v1/memories", json={"id": memory_id, "content": "Odd.", "user_id": user})
    assert stored.status_code == 201, stored.text
    assert client.get(memory_id)["id"] == memory_id
    assert client.update(memory_id, text="Odder.")["memory"] == "Odder."
    assert len(client.history(memory_id)) == 2
    assert client.delete(memory_id, delete_linked=True) == {
        "message": "Memory deleted successfully!",
        "cascade_count": 0,
    }


def test_what_expires_is_hidden_after_its_day(client: Mem0, user: str) -> None:
    today, yesterday = datetime.now(UTC).date(), datetime.now(UTC).date() - timedelta(days=1)
    [added] = client.add("My trial ends.", user_id=user, expiration_date=str(today))["results"]
    assert client.get(added["id"])["expiration_date"] == str(today)
    assert len(ids(client.get_all(filters={"user_id": user}))) == 1
    client.update(added["id"], expiration_date=str(yesterday))
    assert ids(client.get_all(filters={"user_id": user})) == []
    assert ids(client.search("trial", filters={"user_id": user})) == []
    assert len(ids(client.get_all(filters={"user_id": user}, show_expired=True))) == 1
    assert len(ids(client.search("trial", filters={"user_id": user}, show_expired=True))) == 1
    assert client.update(added["id"], expiration_date=None)["expiration_date"] is None
    assert len(ids(client.get_all(filters={"user_id": user, "created_at": {"gte": str(yesterday)}}))) == 1


def test_what_was_said_earlier_keeps_its_time(client: Mem0, user: str) -> None:
    client.add("I travel to Vienna.", user_id=user, timestamp=1_700_000_000)
    [memory] = client.get_all(filters={"user_id": user}, start_date="2023-11-14", end_date="2023-11-14")["results"]
    assert memory["created_at"].startswith("2023-11-14T22:13:20")
    assert ids(client.get_all(filters={"user_id": user}, start_date="2023-11-15")) == []


def test_facts_are_drawn_from_what_is_added_and_follow_one_another(
    process: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    with running_provider() as provider:
        service = RunningService(tmp_path, **asking(provider))
        try:
            client = Mem0(process, "MemoryClient", str(service.ready().base_url).rstrip("/"), KEY)
            provider.answer(draws("Ada lives in Lisbon."))
            added = client.add("I live in Lisbon.", user_id="ada")
            assert added["message"] == "Stored: 1. Facts are drawn from it in the background."

            def facts(**options: object) -> list[str]:
                mine = {"user_id": "ada", "categories": {"in": ["person"]}}
                return texts(client.get_all(filters=mine, **options))

            until(lambda: facts() == ["Ada lives in Lisbon."])
            provider.answer(draws("Ada lives in Porto.", replaces="f1"))
            client.add("I live in Porto now.", user_id="ada")
            until(lambda: facts() == ["Ada lives in Porto.", "Ada lives in Lisbon."])
            assert facts(latest_only=True) == ["Ada lives in Porto."]
            porto, lisbon, *_ = client.get_all(filters={"user_id": "ada", "categories": "*"})["results"]
            assert (porto["synthesized"], porto["categories"]) == (True, ["person"])
            assert lisbon["replaced_by"] == porto["id"]
            assert client.delete(porto["id"], delete_linked=True)["cascade_count"] == 1
            assert facts() == []
        finally:
            service.close()


def test_a_profile_says_whether_there_is_one(client: Mem0, user: str) -> None:
    client.add("I live in Lisbon.", user_id=user)
    profile = client.get_profile(user)
    assert (profile["status"], profile["profile"]) == ("not_enabled", {})
    assert refusal(lambda: client.get_profile(f"not {user}")).kind == "MemoryNotFoundError"


def test_what_is_immutable_is_not_changed(client: Mem0, user: str) -> None:
    options = {"async_mode": True, "custom_categories": [{"tea": "x"}], "output_format": "v1.1", "includes": "tea"}
    [added] = client.add("I was born in 1990.", user_id=user, immutable=True, **options)["results"]
    assert client.get(added["id"])["immutable"] is True
    assert "immutable" in refusal(lambda: client.update(added["id"], text="I was born in 1991.")).message
    assert client.delete(added["id"])


def test_many_are_changed_and_deleted_at_once(client: Mem0, user: str) -> None:
    added = [client.add(f"Note {number}.", user_id=user)["results"][0]["id"] for number in range(3)]
    done = client.batch_update(
        [{"memory_id": added[0], "text": "First."}, {"memory_id": added[1], "metadata": {"place": 2}}]
    )
    assert done == {"message": "Successfully updated 2 memories"}
    assert texts(client.get_all(filters={"user_id": user})) == ["Note 2.", "Note 1.", "First."]
    assert client.get(added[1])["metadata"] == {"place": 2}
    unknown = [{"memory_id": added[2], "text": "x"}, {"memory_id": "unknown", "text": "y"}]
    assert refusal(lambda: client.batch_update(unknown)).kind == "MemoryNotFoundError"
    assert client.get(added[2])["memory"] == "Note 2."
    done = client.batch_delete([{"memory_id": added[0]}, {"memory_id": added[1]}, {"memory_id": "unknown"}])
    assert done == {"message": "Successfully deleted 2 memories"}
    assert ids(client.get_all(filters={"user_id": user})) == [added[2]]
    assert refusal(lambda: client.batch_delete([{"memory_id": added[0]}])).kind == "MemoryNotFoundError"


@pytest.mark.parametrize(
    "options",
    [
        {"user_id": "USER", "run_id": "s1"},
        {"filters": {"user_id": "USER", "run_id": "s1"}},
        {"filters": {"AND": [{"user_id": "USER"}, {"run_id": {"in": ["s1", 'it\'s "so"\n']}}]}},
        {"user_id": "USER", "metadata": {"number": 1}},
        {"user_id": "USER", "filters": {"created_at": {"lt": "2024-01-01"}}},
    ],
)
def test_all_of_somebody_that_match_are_deleted(client: Mem0, user: str, options: dict[str, Any]) -> None:
    client.add("One.", user_id=user, run_id="s1", metadata={"number": 1}, timestamp=1_700_000_000)
    client.add("Two.", user_id=user, run_id="s2", metadata={"number": 2})
    client.add("Three.", user_id=f"not {user}", run_id="s1", metadata={"number": 1})
    deleted = client.delete_all(**json.loads(json.dumps(options).replace("USER", user)))
    assert deleted == {"message": "Memories deleted successfully!", "deleted": 1}
    assert texts(client.get_all(filters={"user_id": user})) == ["Two."]
    assert texts(client.get_all(filters={"user_id": f"not {user}"})) == ["Three."]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"filters": {}},
        {"filters": {"created_at": {"gte": "2020-01-01"}}},
        {"filters": {"NOT": {"user_id": "ada"}}},
        {"filters": {"user_id": {"is": "ada"}}},
        {"filters": "{'user_id': ada}"},
        {"user_id": ["ada", "bob"]},
        {"user_id": ""},
        {"metadata": {"a": 1}},
        {"user_id": "ada", "colour": "red"},
        {"user_id": "ada", "metadata": "red"},
    ],
)
def test_nothing_is_deleted_where_it_is_not_clear_whose(client: Mem0, user: str, options: dict[str, Any]) -> None:
    client.add("Still here.", user_id=user)
    refused = refusal(lambda: client.delete_all(**options))
    assert refused.kind == "ValidationError"
    assert refused.code in ("HTTP_400", "HTTP_422")
    assert texts(client.get_all(filters={"user_id": user})) == ["Still here."]


def test_reading_needs_an_entity(client: Mem0) -> None:
    for call in (
        lambda: client.get_all(filters={"metadata": {"a": 1}}),
        client.get_all,
        lambda: client.search("x", filters={"NOT": {"user_id": "ada"}}),
        lambda: client.add("Nobody's."),
    ):
        refused = refusal(call)
        assert (refused.kind, refused.code) == ("ValidationError", "HTTP_400")
        assert "user_id, agent_id, app_id, run_id" in refused.message


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.add("x" * 40_000, user_id="ada"),
        lambda client: client.add([{"role": "user", "content": "x"}] * 300, user_id="ada"),
        lambda client: client.add("x", user_id="ada", expiration_date="tomorrow"),
        lambda client: client.add("x", user_id="ada", filters={"user_id": "bob"}),
        lambda client: client.add("x", user_id="ada", filters={"colour": "red"}),
        lambda client: client.add("x", user_id="u" * 300),
        lambda client: client.search("x", filters={"user_id": "ada"}, top_k=0),
        lambda client: client.search("x", filters={"user_id": "ada"}, threshold=7),
        lambda client: client.get_all(filters={"user_id": "ada"}, page=0),
        lambda client: client.get_all(filters={"user_id": "ada"}, page_size=10**6),
        lambda client: client.batch_update([]),
        lambda client: client.batch_delete([{"memory_id": "m"}] * 1001),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_a_sentence(client: Mem0, call: Callable[[Mem0], object]) -> None:
    refused = refusal(lambda: call(client))
    assert refused.kind == "ValidationError"
    assert refused.message.endswith(".")


def test_a_key_does_what_its_scopes_allow(connect: Connect, user: str) -> None:
    reader, writer = connect("only-reads"), connect("reads-and-writes")
    [added] = writer.add("Mine.", user_id=user)["results"]
    assert texts(reader.get_all(filters={"user_id": user})) == ["Mine."]
    for call in (
        lambda: reader.add("x", user_id=user),
        lambda: reader.delete(added["id"]),
        lambda: reader.batch_delete([{"memory_id": added["id"]}]),
        lambda: reader.get_all(filters={"user_id": "*"}),
        lambda: writer.delete_all(user_id=user),
        lambda: writer.delete_users(user_id=user),
        lambda: writer.search("x", filters={"OR": [{"user_id": user}, {"agent_id": "*"}]}),
    ):
        refused = refusal(call)
        assert (refused.kind, refused.code) == ("AuthenticationError", "HTTP_403")
    assert writer.delete(added["id"])


def test_entities_are_listed_and_deleted(process: "subprocess.Popen[str]", tmp_path: Path) -> None:
    service = started(tmp_path)
    host = str(service.ready().base_url).rstrip("/")
    try:
        for name in ("MemoryClient", "AsyncMemoryClient"):
            client = Mem0(process, name, host, KEY)
            client.add("One.", user_id="ada", agent_id="cook", app_id="shop", run_id="r/1")
            client.add("Two.", user_id="eve")
            client.add("Three.", agent_id="tailor")
            client.add("Four.", app_id="café")
            users = client.users()
            assert [(entity["type"], entity["name"], entity["total_memories"]) for entity in users["results"]] == [
                ("user", "ada", 1),
                ("user", "eve", 1),
                ("agent", "cook", 1),
                ("agent", "tailor", 1),
                ("app", "café", 1),
                ("app", "shop", 1),
                ("run", "r/1", 1),
            ]
            assert (users["count"], users["total_users"], users["next"]) == (7, 2, None)
            assert client.delete_users(user_id="eve") == {"message": "Entity deleted successfully."}
            assert client.users()["count"] == 6
            client.delete_users(run_id="r/1")
            assert client.users()["count"] == 2
            client.delete_users(app_id="café")
            client.delete_users(agent_id="nobody")
            assert [entity["name"] for entity in client.users()["results"]] == ["tailor"]
            client.add("One.", user_id="ada", run_id="s1")
            assert "reset successful" in client.reset()["message"]
            assert client.users()["results"] == []
            assert refusal(client.reset).message == "No entities to delete"
    finally:
        service.close()


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda client: client.get_webhooks("customer1"), "no webhooks"),
        (lambda client: client.create_webhook("http://x", "x", "customer1", []), "no webhooks"),
        (lambda client: client.feedback("m1", "POSITIVE"), "what is not fades"),
        (lambda client: client.create_memory_export("{}"), "GET /v1/export"),
        (lambda client: client.get_memory_export(user_id="ada"), "GET /v1/export"),
        (lambda client: client.get_summary(), "GET /v1/users/ID/summaries"),
        (lambda client: client.get_profile_settings(), "GET /v1/users/ID/profile"),
        (lambda client: client.call("project.update", custom_instructions="x"), "MemoryBankTenant"),
        (lambda client: client.call("project.get_members"), "spec.apiKeys"),
    ],
)
def test_what_a_tenant_does_not_have_is_said_with_what_it_has_instead(
    client: Mem0, call: Callable[[Mem0], object], instead: str
) -> None:
    refused = refusal(lambda: call(client))
    assert refused.code == "HTTP_501"
    assert instead in refused.message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/ping"),
        ("POST", "/v3/memories/add"),
        ("POST", "/v3/memories/search"),
        ("POST", "/v3/memories"),
        ("DELETE", "/v1/memories"),
        ("PUT", "/v1/batch"),
        ("DELETE", "/v1/batch"),
        ("GET", "/v1/entities"),
        ("DELETE", "/v2/entities/user/nobody"),
        ("PUT", "/v1/memories/m1"),
    ],
)
def test_a_slash_at_the_end_makes_no_difference(service: RunningService, method: str, path: str) -> None:
    http = service.client()
    with_it, without = (http.request(method, path + end, json={}) for end in ("/", ""))
    assert with_it.status_code == without.status_code
    assert with_it.status_code in (200, 400, 404, 422)
    assert with_it.json() == without.json()
    assert with_it.headers["content-type"] == "application/json"


def test_errors_are_plain_json_with_a_detail(service: RunningService) -> None:
    http = service.client()
    for path, key in (("/v3/memories/", "unknown"), ("/v1/memories/unknown/", KEY), ("/v1/batch/", KEY)):
        answer = http.get(path, headers={"Authorization": f"Token {key}"})
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["detail"].endswith(".")
    half = json.dumps({"messages": "half \ud800", "user_id": "ada"})
    answer = http.post("/v3/memories/add/", content=half, headers={"Content-Type": "application/json"})
    assert (answer.status_code, "surrogate" in answer.json()["detail"]) == (422, True)
    large = http.post("/v3/memories/add/", content=b"x" * (3 << 20))
    assert (large.status_code, large.headers["content-type"]) == (413, "application/json")


def test_our_own_paths_keep_their_shape(service: RunningService, user: str) -> None:
    http = service.client()
    memory_id = http.post("/v1/memories", json={"content": "Ours.", "user_id": user}).json()["id"]
    assert "lifecycle_state" not in http.get(f"/v1/memories/{memory_id}").json()
    assert "lifecycle_state" in http.get(f"/v1/memories/{memory_id}/").json()
    assert http.get("/v1/memories/unknown").headers["content-type"] == "application/problem+json"
    assert http.delete(f"/v1/memories/{memory_id}").json()["status"] == "deleted"
